"""Pictures with a colour profile, or other statements about their colours, as sRGB."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from aletheia.core.arrays import Array
from aletheia.imaging.colour_space import ColourSpace, coded_space, to_srgb

_MAX_PROFILE = 4 << 20  # bytes; those for printing take up to two million
_SMALL = 2  # 8-bit levels: what changes no colour by more is sRGB under another name
_NCLX = b"colrnclx"
DAMAGED = "Its colour profile is damaged or does not fit the picture, and was left out of account."


def convert_to_srgb(image: Image.Image, info: dict[str, Any], head: bytes = b"") -> tuple[Image.Image, str]:
    """Convert a picture to sRGB.

    A statement counts in the order of the PNG specification (third edition, 4.3): coded colour space (``cICP``), ICC
    profile, ``sRGB``, ``gAMA`` and ``cHRM``; in HEIC and AVIF an ICC profile, or else the box ``colr`` of the kind
    ``nclx``. LittleCMS applies a profile with its perceptual intent. A damaged one does not make a picture unreadable.

    Parameters
    ----------
    image
        Mode L, RGB or CMYK.
    info
        Statements about the picture, as Pillow names them, and ``cicp``.
    head
        Beginning of a HEIC or AVIF file.

    Returns
    -------
    Image.Image
        Mode RGB; the same picture where nothing is stated.
    str
        A note for the reader of an answer; usually empty.
    """
    profile = info.get("icc_profile")
    space = _coded(info, head)
    if space is None and profile:
        return _apply_profile(image, profile)
    if space is None and "srgb" not in info:
        space = _from_png(info)
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    if space is None or space.is_srgb:
        return rgb, ""
    note = "It is of high dynamic range, and was tone-mapped." if space.is_hdr else ""
    return Image.fromarray(to_srgb(np.asarray(rgb), space)), note


def _coded(info: dict[str, Any], head: bytes) -> ColourSpace | None:
    """Read the coded colour space; None where there is none, or an ICC profile stands for it."""
    if len(cicp := info.get("cicp", b"")) == 4:
        return coded_space(cicp[0], cicp[1])
    place = head.find(_NCLX)
    if place < 0 or info.get("icc_profile") or len(head) < place + 12:
        return None
    return coded_space(*struct.unpack_from(">HH", head, place + len(_NCLX)))


def _from_png(info: dict[str, Any]) -> ColourSpace | None:
    """Read ``gAMA`` and ``cHRM``; nonsense, such as a gamma of zero, is none."""
    gamma, chromaticity = info.get("gamma"), info.get("chromaticity")
    default = ColourSpace()
    chromaticities = default.chromaticities
    if chromaticity and len(chromaticity) == 8:
        white, red, green, blue = zip(chromaticity[::2], chromaticity[1::2], strict=True)
        points = (red, green, blue, white)
        # Three colours on a line span no space.
        area = (green[0] - red[0]) * (blue[1] - red[1]) - (blue[0] - red[0]) * (green[1] - red[1])
        if all(0 <= x <= 1 and 0.001 < y <= 1 for x, y in points) and abs(area) > 0.01:
            near = np.allclose(points, default.chromaticities, atol=0.005)
            chromaticities = default.chromaticities if near else points
    transfer: int | float = default.transfer
    if gamma and 0.1 <= gamma <= 5 and not np.isclose(gamma, 0.45455, atol=0.005):  # the latter stands for sRGB
        transfer = float(1 / gamma)
    space = ColourSpace(chromaticities, transfer)
    return None if space.is_srgb else space


def _apply_profile(image: Image.Image, profile: bytes) -> tuple[Image.Image, str]:
    try:
        if len(profile) > _MAX_PROFILE:
            raise ValueError("too large")
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), _srgb()
        if image.mode == "L" and source.profile.xcolor_space == "RGB ":  # the profile of a colour picture made grey
            image = image.convert("RGB")
        if image.mode == "L":
            return _apply_to_grey(image, source, target), ""
        transform = ImageCms.buildTransform(source, target, image.mode, "RGB")
        if image.mode == "RGB" and _changes_nothing(transform):
            return image, ""
        converted = transform.apply(image)
    except (ImageCms.PyCMSError, ValueError, OSError, TypeError):
        return image.convert("RGB"), DAMAGED
    converted.info = {}  # the picture is of sRGB now
    return converted, ""


def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _apply_to_grey(
    image: Image.Image, source: ImageCms.ImageCmsProfile, target: ImageCms.ImageCmsProfile
) -> Image.Image:
    """Convert by a table of the 256 values, for which LittleCMS need not take its coarse one."""
    flags = ImageCms.Flags.NOOPTIMIZE
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    table = np.asarray(ImageCms.buildTransform(source, target, "L", "RGB", flags=flags).apply(ramp))[0]
    return Image.fromarray(table[np.asarray(image)])


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Tell whether a transform leaves a grid of colours over all of RGB as it is."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid: Array = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(27, 27, 3)
    after = np.asarray(transform.apply(Image.fromarray(grid)))
    return int(np.abs(after.astype(int) - grid).max()) <= _SMALL
