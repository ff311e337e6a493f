"""Orientation and shape of pixels, wherever a file states them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from aletheia.imaging.decoding import open_image
from aletheia.imaging.orientation import (
    believable_ratio,
    displayed_size,
    orientation_of,
    pixel_ratio,
    turned_upright,
)

from .picture_files import encode, exif_orientation, insert_png_chunk, png_chunk, xmp_orientation

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 10, 3), np.uint8)


def orientation(data: bytes) -> int:
    return orientation_of(open_image("x", data, None))


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("attribute", [True, False])
def test_orientation_of_xmp(value, attribute):
    xmp = xmp_orientation(value, attribute)
    assert orientation(encode(PICTURE, "JPEG", xmp=xmp)) == value
    assert orientation(encode(PICTURE, "WEBP", xmp=xmp)) == value
    png = insert_png_chunk(encode(PICTURE, "PNG"), png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp), b"IEND")
    assert orientation(png) == value


@pytest.mark.parametrize("value", range(1, 9))
def test_turned_upright_as_pillow_does(value):
    image = Image.fromarray(PICTURE)
    image.getexif()[0x0112] = value
    np.testing.assert_array_equal(turned_upright(PICTURE, value), np.asarray(ImageOps.exif_transpose(image)))


def test_orientation_of_exif_comes_before_xmp():
    exif, xmp = exif_orientation(8), xmp_orientation(3)
    assert orientation(encode(PICTURE, "JPEG", exif=exif, xmp=xmp)) == 8
    # EXIF without an orientation, or with one that does not exist, says nothing.
    assert orientation(encode(PICTURE, "JPEG", exif=exif_orientation(9), xmp=xmp)) == 3
    assert orientation(encode(PICTURE, "JPEG", exif=b"Exif\0\0garbage", xmp=xmp)) == 3
    assert orientation(encode(PICTURE, "JPEG", xmp=xmp_orientation(9))) == 1


def test_orientation_of_png_behind_its_pixels():
    body = exif_orientation(6).removeprefix(b"Exif\0\0")
    assert orientation(insert_png_chunk(encode(PICTURE, "PNG"), png_chunk(b"eXIf", body), b"IEND")) == 6


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "BMP"])
def test_pixel_ratio_of_unequal_densities(form):
    assert pixel_ratio(open_image("x", encode(PICTURE, form, dpi=(100, 200)), None)) == pytest.approx(2, rel=0.01)
    assert pixel_ratio(open_image("x", encode(PICTURE, form, dpi=(200, 100)), None)) == pytest.approx(0.5, rel=0.01)
    assert pixel_ratio(open_image("x", encode(PICTURE, form, dpi=(300, 300)), None)) == 1
    assert pixel_ratio(open_image("x", encode(PICTURE, form), None)) == 1


def test_pixel_ratio_of_a_bare_aspect():
    jpeg = bytearray(encode(PICTURE, "JPEG"))
    place = jpeg.index(b"JFIF\0") + 7
    jpeg[place : place + 5] = bytes([0, 0, 1, 0, 2])  # no unit: one to two
    assert pixel_ratio(open_image("x", bytes(jpeg), None)) == 2
    png = insert_png_chunk(encode(PICTURE, "PNG"), png_chunk(b"pHYs", b"\0\0\0\3\0\0\0\4\0"), b"IDAT")
    assert pixel_ratio(open_image("x", png, None)) == pytest.approx(4 / 3)


def test_pixel_ratio_of_a_turned_tiff_is_that_of_the_turned_pixels():
    data = encode(PICTURE, "TIFF", dpi=(100, 200), exif=exif_orientation(6))
    assert pixel_ratio(open_image("x", data, None)) == pytest.approx(0.5)


def test_pixel_ratio_of_nonsense_is_one():
    for dpi in ((72, 0), (0, 72), (72, 73), (1, 72)):
        assert pixel_ratio(open_image("x", encode(PICTURE, "JPEG", dpi=dpi), None)) == 1
    image = Image.open(io.BytesIO(encode(PICTURE, "PNG")))
    for value in (("a", 1), (1, 2, 3), (float("nan"), 1), 5):
        image.info["dpi"] = value
        assert pixel_ratio(image) == 1


def test_displayed_size_enlarges_within_limits():
    assert displayed_size(100, 50, 2.0, 10**6) == (200, 50)
    assert displayed_size(100, 50, 0.5, 10**6) == (100, 100)
    assert displayed_size(100, 50, 2.0, 9_999) == (100, 25)
    assert displayed_size(100, 50, 0.5, 9_999) == (50, 50)
    assert displayed_size(100, 50, 1.0, 10) == (100, 50)


def test_believable_ratio_limits():
    assert [believable_ratio(r) for r in (12 / 11, 4.0, 0.25, 1.01, 4.1, 0.1, 0.0, -2.0)] == [12 / 11, 4, 0.25] + [
        1
    ] * 5
