from __future__ import annotations

import io
import os
import pickle
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from aletheia.core.errors import InputError
from aletheia.imaging.reading import (
    UnreadableImageError,
    examine_image,
    mirrored_hash,
    perceptual_hash,
    probe_image,
    read_image,
)

from .picture_files import encode, smooth
from .picture_files import png_chunk as chunk

RNG = np.random.default_rng(0)


def png(width: int, height: int, depth: int, colour: int, raw: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF"])
def test_read_image_lossless_formats(form: str) -> None:
    rgb = RNG.integers(0, 256, (13, 17, 3), dtype=np.uint8)
    data = encode(Image.fromarray(rgb), form)
    np.testing.assert_array_equal(read_image(data), rgb)
    assert probe_image(data).format == form.lower()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_read_image_exif_orientation(orientation: int) -> None:
    upright = RNG.integers(0, 256, (6, 10, 3), dtype=np.uint8)
    # What a camera stores for each orientation, from the EXIF standard: where row 0 and column 0 of the
    # stored picture lie in the upright one.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    for form in ("PNG", "TIFF"):
        data = encode(Image.fromarray(np.ascontiguousarray(stored)), form, exif=exif)
        np.testing.assert_array_equal(read_image(data), upright)
        properties = probe_image(data)
        assert (properties.width, properties.height) == (10, 6)
    assert probe_image(encode(Image.fromarray(upright), "JPEG", exif=exif)).has_exif
    assert not probe_image(encode(Image.fromarray(upright), "JPEG")).has_exif


def test_read_image_16_bit_grey() -> None:
    values = np.concatenate([[0, 128, 257, 32768, 65407, 65535], RNG.integers(0, 65536, 94)]).astype(np.uint16)
    values = values.reshape(10, 10)
    for form in ("PNG", "TIFF"):
        grey = read_image(encode(Image.fromarray(values), form))
        assert grey.shape == (10, 10, 3)
        np.testing.assert_array_equal(grey[..., 0], np.round(values / 257).astype(np.uint8))


def test_read_image_16_bit_rgb() -> None:
    values = RNG.integers(0, 65536, (4, 5, 3)).astype(">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in values)
    rgb = read_image(png(5, 4, 16, 2, raw))
    assert np.abs(rgb - values.astype(float) / 257).max() <= 1


def tiff_16_bit(values: np.ndarray, photometric: int) -> bytes:
    """A one-strip little-endian TIFF, written by hand: Pillow writes no 16-bit "white is zero"."""
    height, width = values.shape
    tags = [(256, width), (257, height), (258, 16), (259, 1), (262, photometric), (273, 8), (277, 1), (278, height)]
    tags.append((279, values.size * 2))
    pixels = values.astype("<u2").tobytes()
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags))
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_read_image_white_is_zero_tiff() -> None:
    values = np.array([[0, 65535, 257 * 40]], np.uint16)
    assert read_image(tiff_16_bit(values, 1))[..., 0].tolist() == [[0, 255, 40]]
    assert read_image(tiff_16_bit(values, 0))[..., 0].tolist() == [[255, 0, 215]]


def test_read_image_32_bit() -> None:
    with pytest.raises(UnreadableImageError, match="32-bit"):
        read_image(encode(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"))


def test_read_image_grey() -> None:
    grey = RNG.integers(0, 256, (8, 9), dtype=np.uint8)
    np.testing.assert_array_equal(read_image(encode(Image.fromarray(grey), "PNG")), np.dstack([grey] * 3))
    properties = probe_image(encode(Image.fromarray(grey), "JPEG", progressive=True))
    assert properties.chroma == "grey"
    assert properties.progressive


def test_read_image_cmyk() -> None:
    rgb = smooth()
    cmyk = np.dstack([255 - rgb, np.zeros(rgb.shape[:2], np.uint8)])
    adobe = encode(Image.fromarray(cmyk, mode="CMYK"), "JPEG", quality=100)
    start = adobe.index(b"\xff\xee")
    assert adobe[start + 4 : start + 9] == b"Adobe"
    assert np.abs(read_image(adobe).astype(int) - rgb).mean() < 2
    # The same values without the marker, stored as they are instead of inverted, mean the same picture.
    plain = encode(Image.fromarray(255 - cmyk, mode="CMYK"), "JPEG", quality=100)
    length = struct.unpack(">H", plain[start + 2 : start + 4])[0]
    plain = plain[:start] + plain[start + 2 + length :]
    assert np.abs(read_image(plain).astype(int) - rgb).mean() < 2


def test_read_image_transparency() -> None:
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[..., 0] = 200
    rgba[:2, :, 3] = 255
    rgba[2, :, 3] = 128
    read = read_image(encode(Image.fromarray(rgba), "PNG"))
    assert read[0, 0].tolist() == [200, 0, 0]
    assert read[3, 0].tolist() == [255, 255, 255]
    assert abs(int(read[2, 0, 1]) - 127) <= 1
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), mode="P")
    palette.putpalette([10, 20, 30, 90, 80, 70])
    assert read_image(encode(palette, "PNG", transparency=1)).tolist() == [[[10, 20, 30], [255, 255, 255]]]
    assert read_image(encode(palette, "GIF", transparency=1)).tolist() == [[[10, 20, 30], [255, 255, 255]]]


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_read_image_animation(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encode(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert np.abs(read_image(data).reshape(-1, 3).mean(axis=0) - [250, 0, 0]).max() < 3


def test_probe_image_wrong_suffix(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(Image.fromarray(smooth()), "PNG"))
    assert probe_image(path).format == "png"
    np.testing.assert_array_equal(read_image(path), smooth())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello, I am no image\n" * 20, "text"),
        (bytes(range(1, 200)), "not an image"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "damaged"),
        (b"\xff\xd8\xff" + bytes(100), "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8 " + bytes(20), "damaged"),
        (b"GIF89a" + bytes(20), "damaged"),
        (b"II*\0\x08\0\0\0\xff\xff" + b"\x13" * 300, "damaged"),
        (b"BM" + b"\xff" * 80, "damaged|pixels"),
    ],
    ids=["empty", "text", "bytes", "heic", "jpeg", "png", "webp", "gif", "tiff", "bmp"],
)
def test_read_image_no_image(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    for read in (read_image, examine_image):
        with pytest.raises(UnreadableImageError, match=reason) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert isinstance(caught.value, InputError)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_read_image_truncated(form: str) -> None:
    noise = Image.fromarray(RNG.integers(0, 256, (200, 200, 3), dtype=np.uint8))
    data = encode(noise, form)
    for read in (read_image, examine_image):
        with pytest.raises(UnreadableImageError, match=r"damaged or truncated|pixels|format"):
            read(data[: len(data) // 2])


def test_read_image_200_megapixels() -> None:
    width, height = 20_000, 10_000
    raw = zlib.compressobj(9)
    body = b"".join(raw.compress(bytes(1 + width)) for _ in range(height)) + raw.flush()
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    bomb += chunk(b"IDAT", body) + chunk(b"IEND", b"")
    assert len(bomb) < 1_000_000
    start = time.process_time()
    with pytest.raises(UnreadableImageError, match="pixels"):
        read_image(bomb)
    assert time.process_time() - start < 1


def test_read_image_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    from aletheia.core.settings import get_settings

    data = encode(Image.new("RGB", (100, 100)), "PNG")
    with pytest.raises(UnreadableImageError, match=r"100 x 100 pixels.*9,999"):
        read_image(data, max_pixels=9_999)
    assert read_image(data, max_pixels=10_000).shape == (100, 100, 3)
    monkeypatch.setenv("ALETHEIA_MAX_FILE_BYTES", str(len(data) - 1))
    get_settings.cache_clear()
    try:
        with pytest.raises(UnreadableImageError, match="ALETHEIA_MAX_FILE_BYTES"):
            probe_image(data)
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()


def test_read_image_many_scans() -> None:
    data = encode(Image.fromarray(smooth()), "JPEG", progressive=True)
    scan = data[data.index(b"\xff\xda") : -2]
    with pytest.raises(UnreadableImageError, match="scans"):
        read_image(data[:-2] + scan * 300 + b"\xff\xd9")


def test_read_image_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", tmp_path, tmp_path / "nothing.jpg", "bad\0name.jpg"):
        with pytest.raises(UnreadableImageError):
            read_image(path)


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_read_image_random_damage() -> None:
    picture = Image.fromarray(smooth())
    exif = Image.Exif()
    exif[0x0112] = 6
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "MPO"):
        options = {"exif": exif} if form in ("JPEG", "PNG", "WEBP") else {}
        if form == "MPO":
            options = {"save_all": True, "append_images": [picture]}
        data = bytearray(encode(picture, form, **options))
        for _ in range(60):
            hurt = bytearray(data)
            for place in RNG.integers(0, min(len(hurt), 700), 4):
                hurt[place] = RNG.integers(0, 256)
            try:
                rgb = read_image(bytes(hurt), max_pixels=1_000_000)
            except UnreadableImageError:
                continue
            assert rgb.dtype == np.uint8
            assert rgb.shape[2] == 3


def test_read_image_scaled_decoding() -> None:
    data = encode(Image.fromarray(smooth(800, 1200)), "JPEG", quality=95)
    assert read_image(data).shape == (800, 1200, 3)
    small = read_image(data, min_size=180)
    assert small.shape == (200, 300, 3)
    whole = np.asarray(Image.fromarray(smooth(800, 1200)).resize((300, 200), Image.Resampling.BOX)).astype(int)
    assert np.abs(small - whole).mean() < 3


def test_perceptual_hash_against_scipy() -> None:
    rgb = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    grey = np.asarray(Image.fromarray(rgb).convert("L"), dtype=float).reshape(32, 2, 32, 2).mean(axis=(1, 3))
    block = dctn(np.round(grey), norm="ortho")[1:9, 1:9].ravel()
    bits = "".join("1" if value > np.median(block) else "0" for value in block)
    assert bin(perceptual_hash(rgb) ^ int(bits, 2)).count("1") <= 2  # rounding of the averages
    assert perceptual_hash(np.full((40, 40, 3), 77, np.uint8)) == 0


def test_perceptual_hash_distances() -> None:
    def face(seed: int) -> np.ndarray:
        noise = np.random.default_rng(seed).normal(size=(12, 12, 3))
        big = Image.fromarray(np.clip(128 + 60 * noise, 0, 255).astype(np.uint8)).resize(
            (300, 300), Image.Resampling.BICUBIC
        )
        return np.asarray(big)

    first = perceptual_hash(face(1))
    again = read_image(encode(Image.fromarray(face(1)).resize((180, 180)), "JPEG", quality=50))
    assert bin(first ^ perceptual_hash(again)).count("1") <= 4
    assert bin(first ^ perceptual_hash(face(2))).count("1") >= 16


def test_examine_image_agrees_with_probe_and_hash() -> None:
    data = encode(Image.fromarray(smooth()), "JPEG", quality=83)
    properties, phash, digest = examine_image(data)
    assert properties == probe_image(data)
    assert phash == perceptual_hash(read_image(data))
    import hashlib

    assert digest == hashlib.sha256(data).hexdigest()
    assert properties.file_bytes == len(data)


@pytest.mark.parametrize("colour", [255, 0, 90])
def test_perceptual_hash_ignores_a_frame(colour: int) -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(20, 230, (13, 13, 3), dtype=np.uint8))
    picture = np.array(noise.resize((192, 192), Image.Resampling.BICUBIC))
    framed = np.pad(picture, ((20, 20), (9, 31), (0, 0)), constant_values=colour)
    assert perceptual_hash(framed) == perceptual_hash(picture)
    compressed = io.BytesIO()
    Image.fromarray(framed).save(compressed, "JPEG", quality=75)
    assert (perceptual_hash(read_image(compressed.getvalue())) ^ perceptual_hash(picture)).bit_count() <= 4
    # One side only is a part of the picture, such as a plain background or the sky.
    assert (perceptual_hash(framed[20:]) ^ perceptual_hash(picture)).bit_count() > 4
    alone = np.pad(picture[:40, :40], ((80, 80), (80, 80), (0, 0)), constant_values=colour)  # a logo, no framed picture
    assert (perceptual_hash(alone) ^ perceptual_hash(picture[:40, :40])).bit_count() > 4


def test_mirrored_hash_of_a_mirror_image() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        noise = Image.fromarray(rng.integers(0, 256, (13, 13, 3), dtype=np.uint8))
        picture = np.array(noise.resize((192, 192), Image.Resampling.BICUBIC))
        expected = perceptual_hash(np.ascontiguousarray(picture[:, ::-1]))
        mirrored = int(mirrored_hash(np.array([perceptual_hash(picture)], np.uint64))[0])
        assert (mirrored ^ expected).bit_count() <= 1  # rounding
    assert mirrored_hash(np.zeros(1, np.uint64)).tolist() == [0]
