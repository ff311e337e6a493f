"""Measures of an image that leave the face out: light, sharpness, background, framing, compression; and controls.

Each is a trace that a careless pipeline leaves behind: a generator's fixed size, a camera's colours, a stock
agency's framing, an encoder's grid.
"""

from __future__ import annotations

import dataclasses
import io
import math

import cv2
import numpy as np
from PIL import Image

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.shards import open_binary
from aletheia.faces.face import Face
from aletheia.imaging.media_types import is_video
from aletheia.imaging.reading import read_image

THUMBNAIL = 8  # pixels a side: next to nothing of a face is left
HEAD = 1.8  # times the side of the face's box: hair and neck included
_REACH = 12  # pixels that the filters of sharpness reach over the face's edge, in an image of the longest side
_LONGEST = 512  # a larger image is shrunk before its light and sharpness are measured

#: Families of measures: key → (readable name, column → readable name).
FAMILIES: dict[str, tuple[str, dict[str, str]]] = {
    "tables": (
        "JPEG quantisation tables",
        {
            "luma_dc": "luma step of the mean",
            "luma_mid": "luma step of middle frequencies",
            "luma_high": "luma step of the highest frequency",
            "chroma_dc": "chroma step of the mean",
            "chroma_high": "chroma step of the highest frequency",
            "table_count": "number of tables",
        },
    ),
    "light": (
        "light and colour",
        {
            "red": "mean red",
            "green": "mean green",
            "blue": "mean blue",
            "contrast": "standard deviation of luma",
            "saturation": "mean saturation",
            "dark": "share of black pixels",
            "bright": "share of white pixels",
        },
    ),
    "sharpness": (
        "sharpness and noise",
        {
            "laplacian": "variance of the Laplacian",
            "noise": "noise level",
            "fine": "share of energy in the finest details",
        },
    ),
    "background": (
        "background",
        {
            "back_red": "mean red of the background",
            "back_green": "mean green of the background",
            "back_blue": "mean blue of the background",
            "back_contrast": "contrast of the background",
            "back_laplacian": "sharpness of the background",
            "back_noise": "noise of the background",
        },
    ),
    "framing": (
        "place and size of the face",
        {
            "face_x": "place of the face, from the left",
            "face_y": "place of the face, from above",
            "face_share": "side of the face to that of the picture",
            "face_pixels": "side of the face in pixels",
            "face_score": "certainty of the detector",
        },
    ),
    "residue": (
        "compression residue",
        {
            "grid": "edges on the grid of 8 pixels",
            "grid_flat": "edges on that grid in the flattest part",
            "flat_noise": "residue of the flattest part",
        },
    ),
    "keypoints": (
        "control: six keypoints alone",
        {f"point_{axis}{k}": f"{axis} of keypoint {k + 1}" for k in range(6) for axis in "xy"},
    ),
    "thumbnail": (
        f"control: a thumbnail of {THUMBNAIL} × {THUMBNAIL} pixels",
        {f"thumb_{k}": f"thumbnail value {k}" for k in range(3 * THUMBNAIL**2)},
    ),
    "blanked": (
        "control: the picture with the face blanked out",
        {f"blank_{k}": f"blanked value {k}" for k in range(3 * THUMBNAIL**2)}
        | {"blank_contrast": "contrast", "blank_laplacian": "sharpness", "blank_noise": "noise"},
    ),
}
#: Families that see next to nothing of the face; a network below the best of them has shown nothing.
CONTROLS = ("keypoints", "thumbnail", "blanked")
#: Such as the background of crops that hold nothing but faces.
NOT_PRESENT = "nothing of it is in these images, or the same in all"
COLUMNS = tuple(column for _, columns in FAMILIES.values() for column in columns)


@dataclasses.dataclass(frozen=True)
class Measure:
    """Measures files, each given with the face in it. Travels to other processes.

    Attributes
    ----------
    head : float
        Side of the square that counts as head, and is blanked out, to that of the face's box.
    """

    head: float = HEAD

    def __call__(self, item: tuple[str, Face]) -> Array:
        """Values of :data:`COLUMNS`, float32; NaN throughout for a file that cannot be read."""
        path, face = item
        values = dict.fromkeys(COLUMNS, math.nan)
        cv2.setNumThreads(1)  # the processes already share the cores
        try:
            if not is_video(path):
                rgb = read_image(path)
                values |= quantisation(path)
                values |= measure_image(rgb, face, self.head)
        except (InputError, OSError):
            pass
        return np.array([values[column] for column in COLUMNS], np.float32)

    def on_crash(self, item: tuple[str, Face]) -> Array:
        """Give the values for a file that killed the process that read it."""
        return np.full(len(COLUMNS), np.nan, np.float32)


def quantisation(path: str) -> dict[str, float]:
    """Read the steps of a JPEG's quantisation tables; nothing for other formats."""
    with open_binary(path) as file:
        head = file.read(1_000_000)
    if not head.startswith(b"\xff\xd8"):
        return {}
    try:
        tables = getattr(Image.open(io.BytesIO(head)), "quantization", {})  # of Pillow's JPEG class alone
    except (OSError, SyntaxError, ValueError):
        return {}
    values = {"table_count": float(len(tables))}
    if tables:
        luma = tables[min(tables)]
        values |= {"luma_dc": luma[0], "luma_mid": float(np.mean(luma[10:30])), "luma_high": luma[-1]}
        if len(tables) > 1:
            chroma = tables[sorted(tables)[1]]
            values |= {"chroma_dc": chroma[0], "chroma_high": chroma[-1]}
    return values


def measure_image(rgb: Array, face: Face, head_share: float = HEAD) -> dict[str, float]:
    """Measure all families that need pixels or the face's place.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
    face : Face
        In pixels of the image.
    head_share : float
        See :class:`Measure`.
    """
    height, width = rgb.shape[:2]
    side = max(face.size, 1.0)
    centre = face.centre.astype(np.float64)
    # At full size: shrinking would wipe the grid out.
    values = _residue(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), _outside(rgb.shape, centre, side + 4))
    values |= {
        "face_x": centre[0] / width,
        "face_y": centre[1] / height,
        "face_share": side / max(height, width),
        "face_pixels": side,
        "face_score": face.score,
    }
    relative = (face.keypoints - centre) / side
    values |= {f"point_{axis}{k}": relative[k, i] for k in range(6) for i, axis in enumerate("xy")}

    shrink = min(_LONGEST / max(height, width), 1.0)
    if shrink < 1:
        size = (max(round(width * shrink), 1), max(round(height * shrink), 1))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    # Far enough from the face that no filter of sharpness reaches it.
    reach = max(round(_REACH * max(rgb.shape) / _LONGEST), 2)
    values |= _light(rgb, _outside(rgb.shape, centre * shrink, side * shrink), "")
    values |= _sharpness(rgb, _outside(rgb.shape, centre * shrink, side * shrink + 2 * reach), reach, "")
    head = _square(rgb.shape, centre * shrink, side * shrink * head_share)
    light, sharp = _light(rgb, ~head, "back_"), _sharpness(rgb, ~head, reach, "back_")
    values |= {name: value for name, value in (light | sharp).items() if name in FAMILIES["background"][1]}
    values |= _thumbnail(rgb, "thumb_")
    blanked = rgb.copy()
    blanked[head] = 128
    values |= _thumbnail(blanked, "blank_")
    values |= {f"blank_{name}": values.get(f"back_{name}", math.nan) for name in ("contrast", "laplacian", "noise")}
    return values


def _square(shape: tuple[int, ...], centre: Array, side: float) -> Array:
    mask = np.zeros(shape[:2], bool)
    x0, y0 = np.maximum(np.floor(centre - side / 2), 0).astype(int)
    x1, y1 = np.maximum(np.ceil(centre + side / 2), 0).astype(int)
    mask[y0:y1, x0:x1] = True
    return mask


def _outside(shape: tuple[int, ...], centre: Array, side: float) -> Array:
    """Mask the pixels outside of the face: changes of the face must not count as properties of the image.

    The mask is empty when less than a twentieth of the image is left.
    """
    outside = ~_square(shape, centre, side)
    return outside if outside.mean() > 0.05 else np.zeros(shape[:2], bool)


def _light(rgb: Array, mask: Array, prefix: str) -> dict[str, float]:
    if not mask.any():
        return {}
    # Channel by channel: reductions over an axis of three are slow.
    red, green, blue = (rgb[..., k][mask].astype(np.float32) for k in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    high, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return {
        prefix + "red": red.mean(),
        prefix + "green": green.mean(),
        prefix + "blue": blue.mean(),
        prefix + "contrast": luma.std(),
        prefix + "saturation": float(np.mean((high - low) / np.maximum(high, 1))),
        prefix + "dark": float(np.mean(luma <= 4)),
        prefix + "bright": float(np.mean(luma >= 251)),
    }


def _sharpness(rgb: Array, mask: Array, reach: int, prefix: str) -> dict[str, float]:
    if not mask.any():
        return {}
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    # Immerkær, "Fast Noise Variance Estimation", 1996: a difference of two Laplacians is blind to edges.
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    residue = cv2.filter2D(grey, -1, kernel)
    values = {
        prefix + "laplacian": float(np.log1p(laplacian[mask].var())),
        prefix + "noise": float(np.abs(residue[mask]).mean() * math.sqrt(math.pi / 2) / 6),
    }
    if reach >= _REACH // 2:  # a smaller image has no room for details coarser than the finest
        finest, all_details = (grey - cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (1.0, reach / 3))
        share = np.square(finest[mask]).sum() / max(np.square(all_details[mask]).sum(), 1e-6)
        values[prefix + "fine"] = float(share)
    return values


def _residue(grey: Array, mask: Array) -> dict[str, float]:
    """Compare the steps on the grid of 8 pixels with the others, and measure the residue of the flattest patch."""
    if min(grey.shape) < 40:
        return {}
    steps = np.abs(np.diff(grey.astype(np.float32), axis=1))
    values = {"grid": _on_grid(steps, mask[:, 1:])}
    blocks, inside = (_blocks(array) for array in (grey.astype(np.float32), mask))
    spread = blocks.std(axis=(2, 3))
    # Not in the face, and not where light is clipped: no residue is left there.
    means = blocks.mean(axis=(2, 3))
    spread[~inside.all(axis=(2, 3)) | (means < 8) | (means > 247)] = np.inf
    if np.isfinite(spread).any():
        patch = blocks[np.unravel_index(np.argmin(spread), spread.shape)]
        values["flat_noise"] = float(np.abs(patch - cv2.GaussianBlur(patch, (0, 0), 2.0)).mean())
        values["grid_flat"] = _on_grid(np.abs(np.diff(patch, axis=1)), np.ones((32, 31), bool))
    return values


def _blocks(array: Array, side: int = 32) -> Array:
    """Split (H, W) into (H / side, W / side, side, side); the remainder at the edges is dropped."""
    rows, columns = array.shape[0] // side, array.shape[1] // side
    return array[: rows * side, : columns * side].reshape(rows, side, columns, side).swapaxes(1, 2)


def _on_grid(steps: Array, mask: Array) -> float:
    """Average the steps between columns 8k - 1 and 8k, relative to the others; 1 without a grid."""
    is_grid = np.arange(steps.shape[1]) % 8 == 7
    means = [steps[:, part][mask[:, part]].mean() if mask[:, part].any() else np.nan for part in (is_grid, ~is_grid)]
    return float((means[0] + 0.01) / (means[1] + 0.01))


def _thumbnail(rgb: Array, prefix: str) -> dict[str, float]:
    small = cv2.resize(rgb, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).ravel()
    return {f"{prefix}{k}": float(value) for k, value in enumerate(small)}
