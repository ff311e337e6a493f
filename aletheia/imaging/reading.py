"""Read images that may be broken, odd or hostile, and the properties of their files."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image, JpegImagePlugin

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.imaging.decoding import IMAGE_SUFFIXES, UnreadableImageError, decoder_errors, load_bytes, open_image
from aletheia.imaging.jpeg import chroma_subsampling, estimate_quality

__all__ = [
    "IMAGE_SUFFIXES",
    "ImageProperties",
    "Unreadable",
    "UnreadableImageError",
    "examine_image",
    "perceptual_hash",
    "probe_image",
    "read_image",
    "try_read_image",
]

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class ImageProperties:
    """Properties of an image file; width and height in pixels after the EXIF orientation is applied.

    ``format`` is that of the bytes, whatever the name says. ``jpeg_quality`` is 1 to 100, NaN when the file
    is no JPEG; ``chroma`` is ``""`` then. ``progressive`` also covers interlaced PNG.
    """

    width: int
    height: int
    format: str
    jpeg_quality: float
    chroma: str
    file_bytes: int
    progressive: bool
    has_exif: bool


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in a sequence of images for a file that could not be read; the reason names the file."""

    reason: str


#: The columns of a manifest that describe the file.
DELIVERED = tuple(field.name for field in fields(ImageProperties))


def read_image(source: str | Path | bytes, *, max_pixels: int | None = None, min_size: int | None = None) -> Array:
    """Decode an image into upright 8-bit RGB.

    Grey, CMYK and palette images are converted; 16-bit values are scaled to 8 bits; transparent parts are
    laid on white, as most viewers do; of an animation the first frame is taken; the EXIF orientation is
    applied. Colour profiles are not.

    Parameters
    ----------
    source
        A file or the bytes of one.
    max_pixels
        Refuse, before decoding, what has more pixels; by default ``ALETHEIA_MAX_PIXELS``.
    min_size
        When given, a large JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, as long as both sides keep at
        least this many pixels: several times faster. By default every image is decoded at full size.

    Returns
    -------
    np.ndarray
        uint8, shape (H, W, 3), values 0 to 255.

    Raises
    ------
    UnreadableImageError
        When the file is missing, empty, truncated, too large, of another format, or no image.
    """
    name, data = load_bytes(source)
    with decoder_errors(name):
        return _decode(open_image(name, data, max_pixels), name, min_size)


def try_read_image(path: str | Path) -> Array | Unreadable:
    """Decode a file as :func:`read_image` does, or return why that was not possible: long jobs go on without it."""
    try:
        return read_image(path)
    except InputError as error:
        return Unreadable(str(error))
    except OSError as error:
        return Unreadable(f"{path}: {error.strerror or error}")


def probe_image(source: str | Path | bytes, *, max_pixels: int | None = None) -> ImageProperties:
    """Read the properties of an image file from its header, without decoding it.

    Raises
    ------
    UnreadableImageError
        As :func:`read_image`; but a file truncated behind its header is not noticed here.
    """
    name, data = load_bytes(source)
    with decoder_errors(name):
        return _properties(open_image(name, data, max_pixels), len(data))


def examine_image(source: str | Path | bytes, *, max_pixels: int | None = None) -> tuple[ImageProperties, int, str]:
    """Compute properties, perceptual hash and SHA-256 of an image, reading and decoding the file once.

    A large JPEG is decoded at reduced size for the hash (at least 128 pixels a side); every byte of it is
    still parsed, so that a truncated file is noticed.

    Raises
    ------
    UnreadableImageError
        As :func:`read_image`.
    """
    name, data = load_bytes(source)
    with decoder_errors(name):
        image = open_image(name, data, max_pixels)
        properties = _properties(image, len(data))
        rgb = _decode(image, name, 128)
    return properties, perceptual_hash(rgb), hashlib.sha256(data).hexdigest()


def _dct_rows() -> Array:
    """Compute rows 1 to 8 of the orthonormal DCT-II matrix of length 32, shape (8, 32)."""
    k, n = np.arange(1, 9)[:, None], np.arange(32)[None, :]
    rows: Array = math.sqrt(2 / 32) * np.cos(math.pi * (2 * n + 1) * k / 64)
    return rows


_DCT = _dct_rows()


def perceptual_hash(rgb: Array) -> int:
    """Compute a 64-bit hash that stays nearly the same when an image is re-encoded or resized.

    Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.1: grey,
    32 × 32 by averaging, DCT, the coefficients 1 to 8 of both directions (the constant terms say little),
    each compared with their median.

    Parameters
    ----------
    rgb
        uint8, shape (H, W, 3).

    Returns
    -------
    int
        0 to 2**64 - 1, coefficient (1, 1) in the highest bit; 0 for an image without structure. Compare two
        hashes by the number of bits that differ.
    """
    small = Image.fromarray(rgb).convert("L").resize((32, 32), Image.Resampling.BOX)
    coefficients = (_DCT @ np.asarray(small, dtype=np.float64) @ _DCT.T).ravel()
    if np.abs(coefficients).max() < 1e-6:
        return 0
    bits = coefficients > np.median(coefficients)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _orientation(image: Image.Image) -> int:
    """Read the EXIF orientation, 1 to 8; 1 for a TIFF, which Pillow turns itself."""
    if image.format == "TIFF" or not image.info.get("exif"):
        return 1
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # broken EXIF of any kind does not make the image unreadable
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _properties(image: Image.Image, file_bytes: int) -> ImageProperties:
    width, height = image.size
    if _orientation(image) >= 5:
        width, height = height, width
    quality, chroma = math.nan, ""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        layers = image.layer
        quality = estimate_quality(image.quantization.get(layers[0][3], ()))
        chroma = chroma_subsampling([(layer[1], layer[2]) for layer in layers])
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    return ImageProperties(
        width=width,
        height=height,
        format=(image.format or "").lower(),
        jpeg_quality=quality,
        chroma=chroma,
        file_bytes=file_bytes,
        progressive=bool(image.info.get("progressive") or (image.info.get("interlace") and image.format == "PNG")),
        has_exif=bool(image.info.get("exif")) or 34665 in tags,
    )


def _decode(image: Image.Image, name: str, min_size: int | None) -> Array:
    orientation = _orientation(image)
    if min_size is not None:
        image.draft(None, (min_size, min_size))
    image.load()
    rgb = _to_rgb(image, name)
    if orientation in _UPRIGHT:
        rgb = rgb.transpose(_UPRIGHT[orientation])
    return np.array(rgb)


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _from_16_bit(image)
    if image.mode in ("I", "F"):
        raise UnreadableImageError(
            name, "holds 32-bit values, whose range is not stated", "Save it with 8 or 16 bits a channel"
        )
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for Adobe's inverted kind; without Adobe's marker it is not inverted.
        image = Image.fromarray(255 - np.asarray(image), mode="CMYK")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(258, 16)
    top = (1 << int(bits[0] if isinstance(bits, tuple) else bits)) - 1
    values = np.asarray(image).astype(np.uint32)
    grey: Array = np.minimum((values * 255 + top // 2) // top, 255).astype(np.uint8)
    if tags.get(262) == 0:  # TIFF's "white is zero"
        grey = 255 - grey
    return Image.fromarray(grey).convert("RGB")
