"""A data set made of genuine photographs alone: each beside a self-blended forgery of itself.

K. Shiohara, T. Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022. The masks come from the detector's
six keypoints. Both files of a pair are written alike (same size, same encoder), so that they differ in the face alone.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.core.paths import check_is_local
from aletheia.core.progress import tqdm
from aletheia.core.wording import counted
from aletheia.datasets.layouts.tree import list_media
from aletheia.datasets.layouts.words import names_nothing
from aletheia.datasets.synthetic.forgeries import Landmarks, self_blended
from aletheia.faces.detectors.registry import create_detector
from aletheia.faces.face import Face
from aletheia.imaging.reading import read_image

GENERATOR = "self-blended"
QUALITY = 95  # of both JPEG files of a pair
MIN_SIZE = 48  # pixels a side of a face; a smaller one leaves no room for a seam


@dataclasses.dataclass(frozen=True)
class Blended:
    """Result of :func:`blend_folder`.

    Attributes
    ----------
    manifest : Path
        The manifest's file.
    pairs : int
        Images that were forged.
    skipped : list of (str, str)
        Path and reason of the others.
    """

    manifest: Path
    pairs: int
    skipped: list[tuple[str, str]]


def landmarks_of(keypoints: Array) -> Landmarks:
    """Estimate the outline of the inner face from a detector's keypoints.

    Parameters
    ----------
    keypoints : (6, 2) ndarray
        Eyes, nose tip, mouth and ears, see :data:`aletheia.faces.face.KEYPOINTS`.

    Returns
    -------
    dict
        As :func:`aletheia.datasets.synthetic.forgeries.self_blended` takes it. Brows, jaw and chin are placed as
        in an average face, measured in distances of the eyes.
    """
    points = np.asarray(keypoints, np.float64)
    right, left, nose, mouth = points[:4]
    across = left - right
    middle = (right + left) / 2
    down = mouth - middle
    # In a profile the eyes draw together; the height of the face does not.
    across = across * max(1.0, 0.6 * np.hypot(*down) / max(float(np.hypot(*across)), 1e-6))
    return {
        "brows": np.array([middle - 0.35 * down + k * across for k in (-0.8, -0.3, 0.3, 0.8)]),
        "outline": np.array(
            [*points[4:5]] * 3
            + [mouth + 0.3 * down + k * across if k else mouth + 0.75 * down for k in (-0.55, 0, 0.55)]
            + [*points[5:6]] * 3
        ),
        "eyes": np.array([right, left]),
        "nose": nose[None],
        "mouth": mouth[None],
    }


def blend_face(rgb: Array, face: Face, rng: np.random.Generator) -> Array:
    """Blend a face of an image with a changed version of itself.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
    face : Face
        Detected in it, at least 48 pixels a side.

    Returns
    -------
    (H, W, 3) uint8
        The same outside of a square of twice the face's size.
    """
    height, width = rgb.shape[:2]
    centre, half = face.centre, face.size
    x0, y0 = np.maximum(np.floor(centre - half), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(centre + half), (width, height)).astype(int)
    points = {name: place - (x0, y0) for name, place in landmarks_of(face.keypoints).items()}
    part = rgb[y0:y1, x0:x1].astype(np.float32)
    # The forgery's own lengths are those of a face of 128 pixels.
    blended = self_blended(part, points, rng, unit=face.size / 128)
    out = rgb.copy()
    out[y0:y1, x0:x1] = np.clip(np.round(blended), 0, 255).astype(np.uint8)
    return out


def blend_folder(folder: str | Path, out: str | Path, *, seed: int = 0, progress: bool = True) -> Blended:
    """Write every genuine image of a folder twice: as it is, and with its largest face blended with itself.

    Parameters
    ----------
    folder : path
        Genuine images; a folder inside of it names the source.
    out : path
        Gets ``real/``, ``fake/`` and ``manifest.csv`` (whose ``pair`` keeps the two on one side of a split).
    seed : int
        The same seed gives the same forgeries, whatever the other images are.

    Raises
    ------
    InputError
        When the folder is missing, no face is found in any image, or `out` cannot be written.
    """
    folder, out = Path(folder), Path(out)
    check_is_local(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder of genuine images.")
    files, skipped = list_media(folder)
    detector = create_detector()
    rows: list[tuple[str, str, str, str, str]] = []
    for name in tqdm(files, desc="Blending", unit="image", disable=not progress):
        try:
            rgb = read_image(folder / name)
        except InputError as error:
            skipped.append((str(folder / name), f"unreadable: {getattr(error, 'reason', error)}"))
            continue
        faces = [face for face in detector.detect(rgb) if face.size >= MIN_SIZE]
        if not faces:
            skipped.append((str(folder / name), f"no face of {MIN_SIZE} pixels found"))
            continue
        number = zlib.crc32(name.encode(errors="surrogateescape"))
        rng = np.random.default_rng((seed, number))
        source = next((part for part in name.split("/")[:-1] if not names_nothing(part)), folder.resolve().name)
        target = f"{Path(name).with_suffix('')}-{number:08x}.jpg"
        for label, pixels in (("real", rgb), ("fake", blend_face(rgb, faces[0], rng))):
            path = f"{label}/{target}"
            _write(out / path, pixels)
            rows.append((path, label, source, GENERATOR if label == "fake" else "", name))
    if not rows:
        first = f" ({skipped[0][0]}: {skipped[0][1]})" if skipped else ""
        raise InputError(f"{folder}: no usable face in {counted(len(files), 'image')}{first}.")
    _table(out / "skipped.csv", ("path", "reason"), skipped)
    _table(out / "manifest.csv", ("path", "label", "source", "generator", "pair"), rows)
    return Blended(out / "manifest.csv", len(rows) // 2, skipped)


def _write(path: Path, rgb: Array) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), options)[1].tobytes()
    with atomic_write(path) as file:
        file.write(data)


def _table(path: Path, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        csv.writer(text).writerows([header, *rows])
        text.detach()  # flushes, and leaves the file to its owner
