"""How a picture is turned upright, wherever its file says so, and the shape of its pixels."""

from __future__ import annotations

import re
from typing import Any

from PIL import Image

from aletheia.core.arrays import Array
from aletheia.imaging.hostile import excess_of_tiff

_ORIENTATION = 0x0112
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])\s*[\"'<]")
_MAX_XMP = 1 << 20
#: Ratios of the sides of a pixel; what is nearer to a square is rounding, what is farther is a mistake.
MIN_RATIO, MAX_RATIO = 1.02, 4.0


def orientation_of(image: Image.Image) -> int:
    """Read the orientation, 1 to 8, from EXIF or else from XMP (``tiff:Orientation``).

    1 for TIFF and HEIC, which their decoders turn, and where the metadata are damaged. AVIF has a property of its own,
    which Pillow hands on as EXIF.
    """
    if image.format in ("TIFF", "HEIF"):
        return 1
    xmp = None if image.format == "AVIF" else image.info.get("xmp")
    return _from_exif(image.info.get("exif")) or _from_xmp(xmp) or 1


def turned_upright(rgb: Array, orientation: int) -> Array:
    """Turn stored pixels (H, W, 3) uint8 as an EXIF orientation, 1 to 8, asks for; 1 leaves them.

    OpenCV does it several times as fast as Pillow.
    """
    import cv2

    if orientation in (5, 6, 7, 8):  # their rows are columns
        rgb = cv2.transpose(rgb)
    # What is left to be mirrored: left and right (1), above and below (0), or both (-1).
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return rgb if flip is None else cv2.flip(rgb, flip)


def swaps_sides(image: Image.Image) -> bool:
    """Tell whether decoding or turning a picture exchanges the width and height that its header states.

    Those of a TIFF are exchanged already where its tag asks for it, but not where only its XMP does.
    """
    if image.format == "TIFF":
        return _ORIENTATION not in getattr(image, "tag_v2", {}) and _from_xmp(image.info.get("xmp")) >= 5
    return orientation_of(image) >= 5


def _from_exif(content: Any) -> int:
    if not isinstance(content, bytes) or not content:
        return 0
    if isinstance(content, bytes) and excess_of_tiff(content.removeprefix(b"Exif\0\0")):
        return 0
    exif = Image.Exif()
    try:
        exif.load(content)
        value = exif.get(_ORIENTATION, 0)
    except Exception:  # broken EXIF of any kind does not make the image unreadable
        return 0
    return value if isinstance(value, int) and 1 <= value <= 8 else 0


def _from_xmp(content: Any) -> int:
    content = content.encode() if isinstance(content, str) else content
    match = _XMP_ORIENTATION.search(content[:_MAX_XMP]) if isinstance(content, bytes) else None
    return int(match[1]) if match else 0


def pixel_ratio(image: Image.Image) -> float:
    """Compute the width of a stored pixel divided by its height, from the densities that the file states.

    Densities are of JFIF, PNG (``pHYs``), TIFF and BMP. 1.0 where none are stated, and where they differ by less than
    `MIN_RATIO` (rounding) or more than `MAX_RATIO` (a mistake: no device has such pixels).
    """
    info = image.info
    stated = info.get("dpi") or info.get("aspect") or info.get("resolution")
    if image.format == "JPEG" and info.get("jfif_unit") == 0:
        stated = info.get("jfif_density")
    try:
        x, y = map(float, stated or (1, 1))
        ratio = y / x
    except (TypeError, ValueError, ZeroDivisionError):
        return 1.0
    if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(274, 1) in (5, 6, 7, 8):
        ratio = 1 / ratio if ratio else 1.0
    return believable_ratio(ratio)


def believable_ratio(ratio: float) -> float:
    """Return the ratio of a pixel's sides, or 1.0 for one that is next to a square or impossible."""
    larger = max(ratio, 1 / ratio) if ratio > 0 else 0.0
    return ratio if MIN_RATIO <= larger <= MAX_RATIO else 1.0


def displayed_size(width: int, height: int, ratio: float, max_pixels: int) -> tuple[int, int]:
    """Compute the size at which pixels of this ratio are shown as squares.

    The side whose pixels are wider is enlarged, so that nothing is lost; where that would exceed `max_pixels`, the
    other one is reduced.
    """
    grown = (round(width * ratio), height) if ratio >= 1 else (width, round(height / ratio))
    if grown[0] * grown[1] <= max_pixels:
        return grown
    return (width, max(round(height / ratio), 1)) if ratio >= 1 else (max(round(width * ratio), 1), height)
