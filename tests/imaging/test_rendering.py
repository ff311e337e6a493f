"""Pictures as viewers show them: opaque, square, upright, at a bounded size."""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin, TiffTags

from aletheia.imaging import rendering
from aletheia.imaging.decoding import UnreadableImageError
from aletheia.imaging.reading import probe_image, read_image, read_picture

from .picture_files import encode, exif_orientation, heic, smooth, xmp_orientation

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 18, 3), np.uint8)


def bitmap(alpha: np.ndarray) -> bytes:
    """A 32-bit Windows bitmap with a version 5 header and an alpha mask, rows from the bottom."""
    height, width = alpha.shape
    pixels = np.dstack([PICTURE[..., ::-1], alpha])[::-1].tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 32, 3, len(pixels), 2835, 2835, 0, 0) + masks + b"BGRs"
    return b"BM" + struct.pack("<IHHI", 138 + len(pixels), 0, 0, 138) + header.ljust(124, b"\0") + pixels


def test_render_bitmap_whose_alpha_is_zero_is_opaque():
    np.testing.assert_array_equal(read_image(bitmap(np.zeros((12, 18), np.uint8))), PICTURE)
    np.testing.assert_array_equal(read_image(bitmap(np.full((12, 18), 255, np.uint8))), PICTURE)
    half = np.zeros((12, 18), np.uint8)
    half[:6] = 255
    read = read_image(bitmap(half))
    np.testing.assert_array_equal(read[:6], PICTURE[:6])
    assert (read[6:] == 255).all()
    # In a PNG an alpha of zero is meant.
    assert (read_image(encode(np.dstack([PICTURE, np.zeros((12, 18), np.uint8)]), "PNG")) == 255).all()


def test_render_shows_square_pixels():
    whole = smooth(96, 128)
    narrow = np.asarray(Image.fromarray(whole).resize((64, 96), Image.Resampling.BOX))
    for form in ("PNG", "TIFF"):
        data = encode(narrow, form, dpi=(100, 200))
        picture = read_picture(data)
        assert picture.rgb.shape == whole.shape
        assert np.abs(picture.rgb.astype(int) - whole).mean() < 2
        assert picture.notes == ("Its pixels are 2 times as wide as high, and were shown like that.",)
        assert (probe_image(data).width, probe_image(data).height) == (128, 96)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_render_stretches_before_it_turns(form):
    whole = smooth(96, 128)
    stored = np.rot90(np.asarray(Image.fromarray(whole).resize((128, 48), Image.Resampling.BOX)))
    data = encode(np.ascontiguousarray(stored), form, dpi=(100, 200), exif=exif_orientation(6))
    picture = read_picture(data)
    assert picture.rgb.shape == whole.shape
    assert np.abs(picture.rgb.astype(int) - whole).mean() < 2
    assert (probe_image(data).width, probe_image(data).height) == (128, 96)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
def test_render_halves_what_is_large(form, monkeypatch):
    whole = smooth(200, 300)
    data = encode(whole, form, exif=exif_orientation(6)) if form != "BMP" else encode(whole, form)
    monkeypatch.setattr(rendering, "WHOLE_PIXELS", 200 * 300 - 1)
    picture = read_picture(data)
    half = np.asarray(Image.fromarray(whole).reduce(2)).astype(int)
    half = half if form == "BMP" else np.rot90(half, -1)
    assert picture.rgb.shape == half.shape
    assert np.abs(picture.rgb - half).mean() < 3
    assert "at half its size, 1" in picture.notes[0]


def test_render_halves_palettes_and_16_bits(monkeypatch):
    palette = Image.fromarray(smooth()).quantize(64)
    deep = (smooth()[..., 0].astype(np.uint16) * 257)[:48, :64]
    full = [read_image(encode(image, "PNG")) for image in (palette, Image.fromarray(deep))]
    monkeypatch.setattr(rendering, "WHOLE_PIXELS", 1000)
    for image, whole in zip((palette, Image.fromarray(deep)), full, strict=True):
        read = read_image(encode(image, "PNG"))
        assert read.shape == (24, 32, 3)
        assert np.abs(read.astype(int) - np.asarray(Image.fromarray(whole).reduce(2))).mean() < 6


@pytest.mark.slow
def test_render_108_megapixels_in_bounded_memory():
    data = encode(Image.new("RGB", (12_000, 9_000), (200, 100, 50)), "JPEG", quality=30)
    tracemalloc.start()
    picture = read_picture(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert picture.rgb.shape == (4500, 6000, 3)
    assert np.abs(picture.rgb.reshape(-1, 3)[::10_000].astype(int) - [200, 100, 50]).max() <= 3
    assert peak < 400e6


def test_render_palette_and_grey_transparency():
    grey = np.dstack([np.full((4, 4), 80, np.uint8), np.array([[0, 255, 0, 255]] * 4, np.uint8)])
    assert read_image(encode(Image.fromarray(grey, "LA"), "PNG"))[0].tolist() == [[255] * 3, [80] * 3] * 2
    deep = Image.fromarray(np.array([[0, 65535]], np.uint16))
    assert read_image(encode(deep, "PNG", transparency=0)).shape == (1, 2, 3)


@pytest.mark.parametrize("turns", range(4))
def test_read_image_heic(turns):
    rgb = smooth(64, 96)
    data = heic(rgb, turns=turns)
    read, wanted = read_image(data), np.rot90(rgb, turns)
    assert read.shape == wanted.shape
    assert np.abs(read.astype(int) - wanted).mean() < 1
    properties = probe_image(data)
    assert (properties.format, properties.width, properties.height) == ("heif", wanted.shape[1], wanted.shape[0])


def test_read_image_heic_limits():
    data = heic(smooth(64, 96))
    with pytest.raises(UnreadableImageError, match="96 x 64 pixels"):
        read_image(data, max_pixels=96 * 64 - 1)
    with pytest.raises(UnreadableImageError, match="pixels"):  # more are stated than there are
        read_image(heic(smooth(64, 96), size=(20_000, 20_000)))
    for cut in range(0, len(data) - 200, 97):
        with pytest.raises(UnreadableImageError):
            read_image(data[:cut])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_read_image_avif(orientation):
    rgb = smooth(64, 96)
    data = encode(rgb, "AVIF", quality=95, exif=exif_orientation(orientation))
    plain = Image.fromarray(rgb)
    how = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)  # Pillow's numbers of these turns
    wanted = np.asarray(plain if how is None else plain.transpose(Image.Transpose(how)))
    read = read_image(data)
    assert read.shape == wanted.shape
    assert np.abs(read.astype(int) - wanted).mean() < 3
    assert probe_image(data).format == "avif"
    with pytest.raises(UnreadableImageError, match="pixels"):
        read_image(data, max_pixels=6143)
    with pytest.raises(UnreadableImageError):
        read_image(data[: len(data) // 2])


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_render_turns_a_tiff_by_its_xmp(orientation):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[700], tags.tagtype[700] = xmp_orientation(orientation), TiffTags.BYTE
    stored = smooth(48, 64)
    data = encode(stored, "TIFF", tiffinfo=tags)
    wanted = {1: stored, 3: stored[::-1, ::-1], 6: np.rot90(stored, -1)}[orientation]
    np.testing.assert_array_equal(read_image(data), wanted)
    properties = probe_image(data)
    assert (properties.height, properties.width) == wanted.shape[:2]


@pytest.mark.parametrize("shape", [(1, 1), (1, 270_000), (270_000, 1), (513, 512), (600, 700)])
def test_pixels_of_is_a_copy_of_all_rows(shape):
    expected = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    image = Image.fromarray(expected)
    pixels = rendering.pixels_of(image)
    np.testing.assert_array_equal(pixels, expected)
    pixels[0, 0] = 255 - pixels[0, 0]
    np.testing.assert_array_equal(np.asarray(image), expected)
