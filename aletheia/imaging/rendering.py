"""From an opened picture to the pixels that a viewer shows: upright, square, opaque, 8-bit sRGB."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, JpegImagePlugin

from aletheia.core.arrays import Array
from aletheia.imaging.colour_profile import convert_to_srgb
from aletheia.imaging.decoding import UnreadableImageError
from aletheia.imaging.jpeg_repair import complete
from aletheia.imaging.orientation import displayed_size, orientation_of, pixel_ratio, swaps_sides, turned_upright

#: A picture of more pixels is read at half its size, so that memory stays bounded.
WHOLE_PIXELS = 64_000_000
_AT_ONCE, _BAND_PIXELS = 1 << 18, 1 << 16
_HEAD = 1 << 16  # bytes of a HEIC or AVIF file that hold its metadata


def render(image: Image.Image, data: bytes, name: str, min_size: int | None) -> tuple[Array, tuple[str, ...]]:
    """Decode an opened picture and show it as viewers do.

    Parameters
    ----------
    image
        As `aletheia.imaging.decoding.open_image` returns it.
    data
        Content of the file.
    name
        Of the file, for messages.
    min_size
        See `aletheia.imaging.reading.read_image`.

    Returns
    -------
    np.ndarray
        uint8, shape (H, W, 3).
    tuple of str
        Notes for the reader of an answer, a sentence each.

    Raises
    ------
    UnreadableImageError
        When the picture is truncated, or its values have no range.
    """
    orientation, ratio, info = (
        orientation_of(image),
        pixel_ratio(image),
        {str(key): value for key, value in image.info.items()},
    )
    notes = []
    width, height = image.size
    image, note = _load(image, data, _draft_size(image, min_size))
    notes.append(note)
    if is_halved(width, height):
        image = _halve(image, width)
        notes.append(f"It has {width} x {height} pixels and was read at half its size, {image.width} x {image.height}.")
    opaque = _without_alpha(image, name)
    rgb, note = convert_to_srgb(opaque, info, data[:_HEAD] if image.format in ("HEIF", "AVIF") else b"")
    notes.append(note)
    if image.has_transparency_data and not image.mode.startswith("I;16"):
        rgb = _on_white(rgb, image)
    if ratio != 1:
        rgb = rgb.resize(displayed_size(*rgb.size, ratio, WHOLE_PIXELS), Image.Resampling.BICUBIC)
        notes.append(f"Its pixels are {ratio:.3g} times as wide as high, and were shown like that.")
    return turned_upright(pixels_of(rgb), orientation), tuple(filter(None, notes))


def pixels_of(image: Image.Image) -> Array:
    """Copy the pixels (H, W, 3) uint8 of an image of mode RGB.

    Of a large one band by band, each of which stays in the processor's cache: three times as fast as all at once.
    """
    width, height = image.size
    if width * height <= _AT_ONCE:
        return np.array(image)
    rgb = np.empty((height, width, 3), np.uint8)
    rows = max(_BAND_PIXELS // width, 1)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        rgb[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return rgb


def is_halved(width: int, height: int) -> bool:
    """Tell whether a picture of this size is read at half of it."""
    return width * height > WHOLE_PIXELS


def shown_size(image: Image.Image) -> tuple[int, int]:
    """Compute width and height of the whole picture as it is shown, without decoding it."""
    width, height = displayed_size(*image.size, pixel_ratio(image), WHOLE_PIXELS)
    return (height, width) if swaps_sides(image) else (width, height)


def _draft_size(image: Image.Image, min_size: int | None) -> tuple[int, int] | None:
    if min_size is not None:
        return min_size, min_size
    return (image.width // 2, image.height // 2) if is_halved(*image.size) else None


def _load(image: Image.Image, data: bytes, draft: tuple[int, int] | None) -> tuple[Image.Image, str]:
    """Decode a picture; a JPEG that ends a little early is completed."""
    if draft:
        image.draft(None, draft)
    try:
        image.load()
        return image, ""
    except OSError:
        completed = complete(data) if image.format == "JPEG" else None
        if completed is None:
            raise
    content, missing = completed
    whole = JpegImagePlugin.JpegImageFile(io.BytesIO(content))
    if draft:
        whole.draft(None, draft)
    whole.load()
    if missing == 0:
        return whole, "The end of the file is missing; all of the picture is there."
    return whole, f"The end of the file is missing, and with it {missing:.1%} of the picture, at its bottom."


def _halve(image: Image.Image, width: int) -> Image.Image:
    """Halve a picture whose decoder could not, in place of which the whole is in memory for a moment."""
    if image.width < width:
        return image
    if image.mode == "P":
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    half = image.reduce(2) if not image.mode.startswith("I;16") else image.resize((width // 2, image.height // 2))
    half.info, half.format = image.info, image.format
    return half


def _without_alpha(image: Image.Image, name: str) -> Image.Image:
    """Convert the colours of a picture to 8 bits, mode L, RGB or CMYK; transparency is left out."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I;16"):
        return _from_16_bit(image)
    if image.mode in ("I", "F"):
        raise UnreadableImageError(
            name, "holds 32-bit values, whose range is not stated", "Save it with 8 or 16 bits a channel"
        )
    if image.mode == "CMYK":
        # Pillow takes every CMYK JPEG for Adobe's inverted kind; without Adobe's marker it is not inverted.
        is_inverted = image.format == "JPEG" and "adobe" not in image.info
        return Image.fromarray(255 - np.asarray(image), mode="CMYK") if is_inverted else image
    if image.mode in ("L", "LA", "La", "1"):
        return image.convert("LA").getchannel("L") if image.mode == "La" else image.convert("L")
    return image.convert("RGBA").convert("RGB") if image.mode in ("RGBa", "P", "PA") else image.convert("RGB")


def _on_white(rgb: Image.Image, image: Image.Image) -> Image.Image:
    """Lay a picture on white through its alpha channel; a bitmap whose alpha is zero everywhere has none."""
    alpha = image.convert("RGBA").getchannel("A")
    low, high = alpha.getextrema()
    if low == 255 or (high == 0 and image.format == "BMP"):
        return rgb
    rgba = rgb.convert("RGBA")
    rgba.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(258, 16)
    top = (1 << int(bits[0] if isinstance(bits, tuple) else bits)) - 1
    values = np.asarray(image).astype(np.uint32)
    grey: Array = np.minimum((values * 255 + top // 2) // top, 255).astype(np.uint8)
    if tags.get(262) == 0:  # TIFF's "white is zero"
        grey = 255 - grey
    return Image.fromarray(grey)
