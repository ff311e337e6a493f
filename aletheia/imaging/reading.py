"""Read images that may be broken, odd or hostile, and the properties of their files."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from PIL import Image, JpegImagePlugin

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.imaging.decoding import (
    IMAGE_SUFFIXES,
    UnreadableImageError,
    decoder_errors,
    load_bytes,
    open_image,
    without_leading_bytes,
)
from aletheia.imaging.jpeg import chroma_subsampling, estimate_quality
from aletheia.imaging.rendering import render, shown_size

__all__ = [
    "IMAGE_SUFFIXES",
    "ImageProperties",
    "Picture",
    "Unreadable",
    "UnreadableImageError",
    "examine_image",
    "mirrored_hash",
    "perceptual_hash",
    "picture_of",
    "probe_image",
    "read_image",
    "read_picture",
    "try_read_image",
]


@dataclass(frozen=True, slots=True)
class ImageProperties:
    """Properties of an image file; width and height in pixels, upright and square, as the picture is shown.

    ``format`` is that of the bytes, whatever the name says. ``jpeg_quality`` is 1 to 100, NaN when the file
    is no JPEG; ``chroma`` is ``""`` then. ``progressive`` also covers interlaced PNG. ``notes`` says what had to be
    done to read the file; it is usually empty, and no column of a manifest.
    """

    width: int
    height: int
    format: str
    jpeg_quality: float
    chroma: str
    file_bytes: int
    progressive: bool
    has_exif: bool
    notes: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
        Upright, square pixels, sRGB.
    notes : tuple of str
        What had to be done to read the file, a sentence each; usually empty.
    """

    rgb: Array
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in a sequence of images for a file that could not be read; the reason names the file."""

    reason: str


#: The columns of a manifest that describe the file.
DELIVERED = tuple(field.name for field in fields(ImageProperties) if field.name != "notes")


def read_image(source: str | Path | bytes, *, max_pixels: int | None = None, min_size: int | None = None) -> Array:
    """Decode an image into upright 8-bit sRGB, as viewers show it.

    Grey, CMYK and palette images are converted; 16-bit values are scaled to 8 bits; transparent parts are
    laid on white, as most viewers do; of an animation the first frame is taken. The orientation is applied, of EXIF or
    XMP, as are colour profiles, and unequal densities: pixels that are not square are stretched. A JPEG whose end is
    missing is read when at most a twentieth of the picture goes with it. More than 64 million pixels are read at half
    their size.

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
    return read_picture(source, max_pixels=max_pixels, min_size=min_size).rgb


def read_picture(source: str | Path | bytes, *, max_pixels: int | None = None, min_size: int | None = None) -> Picture:
    """Decode an image as :func:`read_image` does, with notes of what had to be done to read it."""
    name, data = load_bytes(source)
    with decoder_errors(name):
        data, notes = without_leading_bytes(data)
        rgb, more = render(open_image(name, data, max_pixels), data, name, min_size)
        return Picture(rgb, (*notes, *more))


def picture_of(image: Image.Image) -> Picture:
    """Show a picture that Pillow has opened as the file would be: orientation, profile and transparency applied.

    Raises
    ------
    UnreadableImageError
        When it has too many pixels, or decoding it fails.
    """
    limit = get_settings().max_pixels
    if image.width * image.height > limit:
        raise UnreadableImageError("the picture", f"has {image.width} x {image.height} pixels, more than {limit:,}")
    with decoder_errors("the picture"):
        return Picture(*render(image, b"", "the picture", None))


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
        content, notes = without_leading_bytes(data)
        return _properties(open_image(name, content, max_pixels), data, notes)


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
        content, notes = without_leading_bytes(data)
        image = open_image(name, content, max_pixels)
        properties = _properties(image, data, notes)
        rgb, more = render(image, content, name, 128)
    properties = replace(properties, notes=" ".join((*notes, *more)))
    return properties, perceptual_hash(rgb), hashlib.sha256(data).hexdigest()


def _dct_rows() -> Array:
    """Compute rows 1 to 8 of the orthonormal DCT-II matrix of length 32, shape (8, 32)."""
    k, n = np.arange(1, 9)[:, None], np.arange(32)[None, :]
    rows: Array = math.sqrt(2 / 32) * np.cos(math.pi * (2 * n + 1) * k / 64)
    return rows


_DCT = _dct_rows()
#: Grey levels by which the pixels of a frame of one colour differ, and the share of a line that may differ by more:
#: compression rings beside the picture.
_FRAME_NOISE, _FRAME_SHARE = 12, 0.1


def perceptual_hash(rgb: Array) -> int:
    """Compute a 64-bit hash that stays nearly the same when an image is re-encoded, resized or framed.

    Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.1: grey,
    32 × 32 by averaging, DCT, the coefficients 1 to 8 of both directions (the constant terms say little). Here a bit
    is the sign of its coefficient, not the comparison with their median: so the hash of the mirror image is, but for
    rounding, :func:`mirrored_hash` of this one. A frame of one colour around the image is cut off before.

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
    grey = _without_frame(Image.fromarray(rgb).convert("L"))
    small = grey.resize((32, 32), Image.Resampling.BOX)
    coefficients = (_DCT @ np.asarray(small, dtype=np.float64) @ _DCT.T).ravel()
    if np.abs(coefficients).max() < 1e-6:
        return 0
    return int.from_bytes(np.packbits(coefficients > 0).tobytes(), "big")


#: Bits of the coefficients that change their sign in the mirror image: those of odd horizontal frequencies 1, 3, 5, 7.
MIRRORED_BITS = np.uint64(0xAAAAAAAAAAAAAAAA)


def mirrored_hash(phash: Array) -> Array:
    """Compute the hashes of the mirror images (left and right exchanged) from :func:`perceptual_hash`, uint64 (n,).

    The hash 0, which means unknown, stays 0.
    """
    hashes: Array = np.where(phash == 0, phash, phash ^ MIRRORED_BITS)
    return hashes


def _without_frame(grey: Image.Image) -> Image.Image:
    """Cut off a frame of one colour that lies around all of a grey image, unless hardly anything is left."""
    pixels = np.asarray(grey)
    height, width = pixels.shape
    is_inside = np.abs(pixels.astype(np.int16) - int(pixels[0, 0])) > _FRAME_NOISE
    rows, columns = (np.flatnonzero(is_inside.mean(axis=axis) > _FRAME_SHARE) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return grey
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    is_framed = min(left, top, width - right, height - bottom) > 0
    if not is_framed or 4 * (right - left) < width or 4 * (bottom - top) < height:
        return grey
    return grey.crop((int(left), int(top), int(right), int(bottom)))


def _properties(image: Image.Image, data: bytes, notes: Sequence[str]) -> ImageProperties:
    width, height = shown_size(image)
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
        file_bytes=len(data),
        progressive=bool(image.info.get("progressive") or (image.info.get("interlace") and image.format == "PNG")),
        has_exif=bool(image.info.get("exif")) or 34665 in tags,
        notes=" ".join(notes),
    )
