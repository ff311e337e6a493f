"""Coded colour spaces, against the formulas of the standards written out anew and values that they state."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.imaging.colour_space import BT2020, HLG, LINEAR, PQ, SRGB, ColourSpace, coded_space, to_srgb

# Linear BT.2020 to BT.709: Recommendation ITU-R BT.2407, section 2.
TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])


def pq(nits: float) -> float:
    """SMPTE ST 2084, equation 5.1."""
    y = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def hlg(scene: float) -> float:
    """Recommendation ITU-R BT.2100, table 5."""
    return (3 * scene) ** 0.5 if scene <= 1 / 12 else 0.17883277 * np.log(12 * scene - 0.28466892) + 0.55991073


def code16(*values: float) -> np.ndarray:
    return np.round(np.array([[values]]) * 65535).astype(np.uint16)


@pytest.mark.parametrize("primaries", [1, 2, 6, 200])
@pytest.mark.parametrize("transfer", [1, 2, 6, 13, 14, 15, 99])
def test_coded_space_of_ordinary_pictures_is_srgb(primaries, transfer):
    space = coded_space(primaries, transfer)
    assert space.is_srgb
    assert not space.is_hdr
    pixels = np.arange(256 * 3, dtype=np.uint16).reshape(16, 16, 3).astype(np.uint8)
    np.testing.assert_array_equal(to_srgb(pixels, space), pixels)


def test_to_srgb_of_linear_light():
    light = np.array([0.0, 0.001, 0.18, 0.5, 1.0])
    wanted = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    pixels = np.repeat(np.round(light * 65535).astype(np.uint16)[None, :, None], 3, axis=2)
    np.testing.assert_allclose(to_srgb(pixels, coded_space(1, LINEAR))[0, :, 0], wanted, atol=0.6)


def test_to_srgb_of_display_p3():
    # The sRGB red in Display P3 is (0.9175, 0.2003, 0.1386) (CSS Color 4, sample conversions).
    p3 = np.round(np.array([[[0.9175, 0.2003, 0.1386]]]) * 255).astype(np.uint8)
    assert np.abs(to_srgb(p3, coded_space(12, SRGB)).astype(int) - [255, 0, 0]).max() <= 3
    white = np.full((1, 1, 3), 255, np.uint8)
    for primaries in (4, 9, 11, 12):  # white stays white, whatever the white point
        assert to_srgb(white, coded_space(primaries, SRGB)).min() >= 254


def test_to_srgb_of_a_power():
    space = ColourSpace(ColourSpace().chromaticities, 1.8)
    wanted = 255 * (1.055 * (0.5**1.8) ** (1 / 2.4) - 0.055)
    assert to_srgb(code16(0.5, 0.5, 0.5), space)[0, 0, 0] == pytest.approx(wanted, abs=0.6)


@pytest.mark.parametrize(("nits", "code"), [(0, 0), (1, 0.1468), (5, 0.2871), (20, 0.5115), (28, 0.5883)])
def test_to_srgb_of_pq_keeps_dark_and_middle_values(nits, code):
    # Below the knee of 29 cd/m² the curve is straight: the code of BT.1886 for a display of 100 cd/m².
    assert code == pytest.approx((nits / 100) ** (1 / 2.4), abs=1e-3)
    value = pq(nits) if nits else 0.0
    assert to_srgb(code16(value, value, value), coded_space(1, PQ))[0, 0].tolist() == pytest.approx(
        [code * 255] * 3, abs=1
    )


def test_to_srgb_of_pq_rolls_highlights_off():
    steps = [30, 60, 100, 203, 400, 1000, 4000, 10_000]
    codes = [int(to_srgb(code16(*[pq(nits)] * 3), coded_space(1, PQ))[0, 0, 0]) for nits in steps]
    assert codes == sorted(codes)
    assert codes[-3:] == [255, 255, 255]
    assert 0.93 < codes[3] / 255 < 0.96  # white paper
    # Report ITU-R BT.2390, section 5.4.1, by hand for 203 cd/m².
    top, e1 = pq(100) / pq(1000), pq(203) / pq(1000)
    knee = 1.5 * top - 0.5
    t = (e1 - knee) / (1 - knee)
    e2 = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * top
    power = (e2 * pq(1000)) ** (1 / 78.84375)
    nits = 10_000 * ((power - 0.8359375) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    assert codes[3] == pytest.approx(255 * (nits / 100) ** (1 / 2.4), abs=1)


def test_to_srgb_of_hlg_against_its_display_curve():
    for scene in (0.005, 0.02, 0.05):  # shown at 1000 E^1.2 cd/m²: below the knee
        wanted = 255 * (10 * scene**1.2) ** (1 / 2.4)
        grey = to_srgb(code16(*[hlg(scene)] * 3), coded_space(1, HLG))
        assert grey[0, 0].tolist() == pytest.approx([wanted] * 3, abs=1)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_to_srgb_of_bt2020_primaries(transfer):
    light = np.array([0.02, 0.015, 0.012])
    if transfer == PQ:
        shown, codes = light, [pq(1000 * v) for v in light]
    else:
        luminance = light @ [0.2627, 0.6780, 0.0593]
        shown, codes = light * luminance**0.2, [hlg(v) for v in light]
    wanted = 255 * np.clip(TO_709 @ (shown * 10), 0, 1) ** (1 / 2.4)
    np.testing.assert_allclose(to_srgb(code16(*codes), coded_space(BT2020, transfer))[0, 0], wanted, atol=1)


def test_to_srgb_keeps_the_hue_of_highlights():
    red = to_srgb(code16(pq(1000), pq(200), pq(200)), coded_space(1, PQ))[0, 0].astype(float)
    ratio = (red[1] / red[0]) ** 2.4
    assert ratio == pytest.approx(0.2, abs=0.01)


def test_to_srgb_in_parts_is_the_same(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    whole = to_srgb(pixels, coded_space(9, HLG))
    monkeypatch.setattr("aletheia.imaging.colour_space._ROWS", 37)
    np.testing.assert_array_equal(to_srgb(pixels, coded_space(9, HLG)), whole)
