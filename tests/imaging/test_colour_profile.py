"""Colour profiles and other statements about colours, against the formulas of the colour spaces."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest
from PIL import Image, ImageCms

from aletheia.imaging.colour_profile import DAMAGED, convert_to_srgb
from aletheia.imaging.colour_space import ColourSpace, coded_space, to_srgb
from aletheia.imaging.reading import read_image, read_picture

from .picture_files import encode, heic, icc_profile, insert_png_chunk, png_chunk, smooth

D65, D50 = (0.3127, 0.329), (0.3457, 0.3585)
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
SPACES = {
    "Display P3": (((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), D65), 2.2),
    "Adobe RGB": (((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65), 563 / 256),
    "ProPhoto": (((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), D50), 1.8),
    "linear": (SRGB, 1.0),
}
MUTED = (smooth() // 2 + 60).astype(np.uint8)  # within sRGB in all of these spaces


def srgb_encoded(light: np.ndarray) -> np.ndarray:
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("name", SPACES)
def test_read_image_applies_profiles(name, form):
    chromaticities, gamma = SPACES[name]
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(form, {})
    plain = read_image(encode(MUTED, form, **options))
    wanted = to_srgb(plain, ColourSpace(chromaticities, float(gamma)))
    read = read_image(encode(MUTED, form, icc_profile=icc_profile(chromaticities, gamma), **options))
    assert np.abs(read.astype(int) - wanted).mean() < 0.7
    assert np.abs(read.astype(int) - plain).mean() > 2  # it was no small matter


def test_read_image_keeps_what_is_srgb():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(read_image(encode(smooth(), "PNG", icc_profile=profile)), smooth())


def test_read_image_with_a_grey_profile():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(1.0 * 256), 0)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    head = struct.pack(">I4sI4s4s4s12s4s", 0, bytes(4), 0x02400000, b"mntr", b"GRAY", b"XYZ ", bytes(12), b"acsp")
    head = (head + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)).ljust(128, b"\0")
    table = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"kTRC", 176, 14)
    profile = head + table + white + curve + bytes(2)
    profile = struct.pack(">I", len(profile)) + profile[4:]
    read = read_picture(encode(grey, "PNG", icc_profile=profile))
    assert read.notes == ()
    np.testing.assert_allclose(read.rgb[..., 1], srgb_encoded(grey / 255), atol=1.5)
    # A picture that was made grey keeps the profile of its colours: neutral stays neutral.
    from_colour = read_picture(encode(grey, "JPEG", icc_profile=icc_profile(SRGB, 1.0), quality=100))
    assert from_colour.notes == ()
    np.testing.assert_allclose(from_colour.rgb[..., 1], srgb_encoded(grey / 255), atol=6)
    assert np.abs(np.diff(from_colour.rgb.astype(int), axis=-1)).max() <= 1


def test_convert_to_srgb_reads_hostile_profiles_in_little_time():
    profile = icc_profile(*SPACES["Display P3"])
    rng, image = np.random.default_rng(0), Image.fromarray(smooth(400, 400))
    start = time.process_time()
    for _ in range(50):
        hurt = bytearray(profile)
        for place in rng.integers(0, len(hurt), 6):
            hurt[place] = rng.integers(0, 256)
        assert convert_to_srgb(image, {"icc_profile": bytes(hurt)})[0].size == (400, 400)
    assert time.process_time() - start < 10
    cmyk = encode(image.convert("CMYK"), "JPEG", icc_profile=profile)
    assert read_picture(cmyk).notes == (DAMAGED,)
    for broken in (profile[:150], b"x" * 400, profile + bytes(5 << 20)):
        converted, note = convert_to_srgb(image, {"icc_profile": broken})
        assert note == DAMAGED
        np.testing.assert_array_equal(np.asarray(converted), np.asarray(image))


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    data = encode(MUTED, "PNG")
    for kind, body in chunks:
        data = insert_png_chunk(data, png_chunk(kind, body), b"IDAT")
    return data


def gama(gamma: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def chrm(chromaticities: tuple[tuple[float, float], ...]) -> tuple[bytes, bytes]:
    red, green, blue, white = chromaticities
    return b"cHRM", struct.pack(">8I", *(round(v * 100_000) for point in (white, red, green, blue) for v in point))


def test_read_image_of_png_gamma_and_chromaticities():
    light = (MUTED / 255.0) ** 1.0
    np.testing.assert_allclose(read_image(with_chunks(gama(1.0))), srgb_encoded(light), atol=1)
    p3, _ = SPACES["Display P3"]
    wanted = to_srgb(MUTED, coded_space(12, 13)).astype(int)
    assert np.abs(read_image(with_chunks(gama(0.45455), chrm(p3))) - wanted).max() <= 1


@pytest.mark.parametrize(
    "chunks",
    [
        (gama(0.45455), chrm(SRGB)),
        (gama(1.0), (b"sRGB", b"\0")),  # the latter counts
        (gama(0.0),),
        (gama(900.0),),
        (chrm(((0.3, 0.3), (0.3, 0.3), (0.3, 0.3), D65)),),
        (chrm(((0.64, 0.0), (0.30, 0.60), (0.15, 0.06), D65)),),
        ((b"cICP", bytes([1, 13, 0, 1])),),
    ],
)
def test_read_image_of_png_that_states_srgb_or_nonsense(chunks):
    np.testing.assert_array_equal(read_image(with_chunks(*chunks)), MUTED)


@pytest.mark.parametrize("transfer", [16, 18])
def test_read_picture_of_hdr_is_tone_mapped_and_says_so(transfer):
    picture = read_picture(with_chunks((b"cICP", bytes([9, transfer, 0, 1])), gama(1.0)))
    np.testing.assert_array_equal(picture.rgb, to_srgb(MUTED, coded_space(9, transfer)))
    assert picture.notes == ("It is of high dynamic range, and was tone-mapped.",)


def test_read_image_of_heic_colours():
    plain = heic(MUTED)
    base = read_image(plain)
    p3 = read_image(heic(MUTED, colour=b"nclx" + struct.pack(">HHHB", 12, 13, 6, 0)))
    profile = read_image(heic(MUTED, colour=b"prof" + icc_profile(*SPACES["Display P3"])))
    assert np.abs(p3.astype(int) - to_srgb(base, coded_space(12, 13))).mean() < 2
    assert np.abs(profile.astype(int) - p3).mean() < 3
