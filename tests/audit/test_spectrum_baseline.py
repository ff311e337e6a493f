"""Power spectra against the plain transform and closed forms, and the baseline that is fitted to them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.audit.spectrum_baseline import frequency_baseline, spectra, spectrum_figure
from aletheia.core.errors import InputError
from aletheia.imaging.power_spectrum import decibels, frequencies, radial_power, radial_spectrum
from aletheia.imaging.reading import read_image
from aletheia.imaging.transforms import resize_rgb

LUMA = np.array([0.299, 0.587, 0.114])


def texture(seed: int, size: int = 64) -> np.ndarray:
    """Smooth shapes and grain, (size, size, 3) uint8, values from 0 to 127."""
    rng = np.random.default_rng(seed)
    shapes = cv2.GaussianBlur(rng.normal(0, 120, (size, size, 3)), (0, 0), 4)
    return np.clip(64 + shapes + rng.normal(0, 4, shapes.shape), 0, 127).astype(np.uint8)


def enlarged(crop: np.ndarray, how: int) -> np.ndarray:
    half = cv2.resize(crop, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.resize(half, crop.shape[:2], interpolation=how)


def test_radial_power_ring_means():
    size = 32
    crop = texture(0, size)
    grey = crop.astype(float) @ LUMA
    hann = np.sin(np.pi * np.arange(size) / size) ** 2
    window = np.outer(hann, hann)
    energy = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    rings: dict[int, list[float]] = {}
    for v in range(size):
        for u in range(size):
            radius = np.hypot(min(v, size - v), min(u, size - u))
            rings.setdefault(round(radius), []).append(energy[v, u])
    power = radial_power(crop[None])[0]
    expected = [np.mean(rings[k]) / np.sum(window**2) for k in range(1, size // 2 + 1)]
    np.testing.assert_allclose(power, expected, rtol=1e-4)
    np.testing.assert_allclose(radial_spectrum(crop, size), 10 * np.log10(expected / expected[0]), atol=1e-3)
    # Parseval: with the mean's place and the corners, which no ring holds, the energy of the pixels comes out.
    inside = sum(p * np.sum(window**2) * len(rings[k]) for k, p in enumerate(power, 1))
    outside = sum(sum(rings[k]) for k in rings if k == 0 or k > size // 2)
    assert inside + outside == pytest.approx(size**2 * np.sum(((grey - grey.mean()) * window) ** 2), rel=1e-4)


@pytest.mark.parametrize(("u", "v"), [(5, 0), (0, 5), (16, 0), (30, 0), (32, 0), (9, 12), (20, 21)])
def test_radial_power_grating(u, v):
    size = 64
    y, x = np.mgrid[:size, :size]
    grating = 128 + 100 * np.cos(2 * np.pi * (u * x + v * y) / size)
    crop = np.repeat(grating.round().astype(np.uint8)[..., None], 3, axis=2)
    power = radial_power(crop[None])[0]
    peak = int(np.argmax(power))
    assert peak + 1 == round(np.hypot(u, v))
    assert frequencies(32)[peak] == pytest.approx(np.hypot(u, v) / size, abs=0.5 / size)
    assert int(np.argmax(radial_spectrum(crop, size))) == peak
    # A Hann window spreads it over one neighbour on each side, no further.
    assert power[np.abs(np.arange(32) - peak) > 2].max() < 1e-4 * power.max()
    if np.hypot(u, v) < 30:
        radius = np.hypot(*np.meshgrid(np.fft.fftfreq(size, 1 / size), np.fft.fftfreq(size, 1 / size)))
        counts = np.bincount(np.rint(radius).astype(int).ravel())[1:33]
        assert np.sum(power * counts) / size**2 == pytest.approx(100**2 / 2, rel=0.01)


def test_radial_power_white_noise():
    size, sigma = 32, 20
    noise = np.random.default_rng(0).normal(128, sigma, (2000, size, size, 3)).round().astype(np.uint8)
    level = (sigma**2 + 1 / 12) * np.sum(LUMA**2)  # rounding adds 1/12
    power = radial_power(noise).mean(axis=0)
    np.testing.assert_allclose(power[1:], level, rtol=0.05)
    assert power[1:].mean() == pytest.approx(level, rel=0.005)


def test_radial_power_window():
    # The expected power of independent pixels is the sum of the powers of each alone.
    size = 32
    points = np.zeros((size**2, size**2, 3), np.uint8)
    points[np.arange(size**2), np.arange(size**2)] = 200
    power = radial_power(points.reshape(-1, size, size, 3)).sum(axis=0) / 200**2
    np.testing.assert_allclose(power[1:], 1, rtol=1e-4)
    # Removing the mean takes 1/9 of the four nearest coefficients along the axes, and 1/36 of the diagonal ones.
    assert power[0] == pytest.approx((4 * 8 / 9 + 4 * 35 / 36) / 8, rel=1e-4)


def test_radial_spectrum_brightness_and_contrast():
    crop = texture(1)
    plain = radial_spectrum(crop, 64)
    np.testing.assert_allclose(radial_spectrum(2 * crop, 64), plain, atol=1e-3)
    np.testing.assert_allclose(radial_spectrum(crop + np.uint8(100), 64), plain, atol=1e-3)
    grain = np.random.default_rng(0).normal(0, 4, crop.shape)
    assert np.abs(radial_spectrum((crop + grain + 50).astype(np.uint8), 64) - plain).max() > 2


def test_radial_spectrum_reference():
    values = radial_spectrum(texture(2), 64)
    assert values.shape == (32,) and values.dtype == np.float32
    assert np.mean(10 ** (values[:2] / 10)) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(frequencies(32), np.fft.rfftfreq(64)[1:])


def test_radial_spectrum_uniform_image():
    assert np.isnan(radial_spectrum(np.full((64, 64, 3), 77, np.uint8), 64)).all()


def test_radial_spectrum_resizes():
    crop = texture(3, 80)[:, :60]
    np.testing.assert_array_equal(radial_spectrum(crop, 64), radial_spectrum(resize_rgb(crop, 64), 64))
    for size in (16, 65, 0):
        with pytest.raises(InputError, match="even size"):
            radial_spectrum(crop, size)


def test_spectra_rows(crops, tmp_path):
    frame = crops[1].copy()
    (tmp_path / "empty.png").write_bytes(b"")
    for row, name in ((3, "empty.png"), (100, "missing.png")):
        frame.iloc[row, frame.columns.get_loc("path")] = str(tmp_path / name)
    values = spectra(frame, 32, progress=False)
    assert values.shape == (120, 16) and values.dtype == np.float32
    assert np.flatnonzero(np.isnan(values).any(axis=1)).tolist() == [3, 100]
    assert np.isnan(values[[3, 100]]).all()
    for row in (0, 2, 4, 63, 64, 119):
        np.testing.assert_allclose(values[row], radial_spectrum(read_image(frame["path"].iloc[row]), 32), atol=1e-4)
    assert spectra(frame.iloc[:0], 32, progress=False).shape == (0, 16)
    with pytest.raises(InputError, match="even size"):
        spectra(frame, 33, progress=False)


@pytest.fixture(scope="module")
def images() -> dict[str, np.ndarray]:
    """Spectra (120, 32) of images as they are, and of the same enlarged from half their size."""
    crops = [texture(seed) for seed in range(120)]
    kinds = {
        "plain": crops,
        "nearest": [enlarged(crop, cv2.INTER_NEAREST) for crop in crops],
        "bilinear": [enlarged(crop, cv2.INTER_LINEAR) for crop in crops],
    }
    return {name: decibels(radial_power(np.stack(images))) for name, images in kinds.items()}


def halves(real: np.ndarray, fake: np.ndarray):
    """Training and test rows, a image and its double in one group."""
    parts = []
    for rows in (slice(0, 60), slice(60, 120)):
        parts.append((np.concatenate([real[rows], fake[rows]]), np.repeat([0, 1], 60)))
    groups = np.tile(np.arange(60), 2)
    return *parts[0], *parts[1], (groups, groups)


@pytest.mark.parametrize("how", ["nearest", "bilinear"])
def test_frequency_baseline_enlarged_fakes(images, how):
    top = frequencies(32) > 0.42
    assert (images[how][:, top].mean(axis=1) < images["plain"][:, top].mean(axis=1) - 3).mean() > 0.95
    baseline = frequency_baseline(*halves(images["plain"], images[how]))
    assert baseline.auc > 0.9 and baseline.low > 0.8 and baseline.n == 120 and not baseline.cross_validated
    assert baseline.auc == pytest.approx(roc_auc_score(np.repeat([0, 1], 60), baseline.scores))
    assert "From the power spectrum alone" in baseline.sentence() and "without a pixel" not in baseline.sentence()


def test_frequency_baseline_shuffled_labels(images):
    x_train, y_train, x_test, y_test, groups = halves(images["plain"], images["bilinear"])
    rng = np.random.default_rng(0)
    baseline = frequency_baseline(x_train, rng.permutation(y_train), x_test, rng.permutation(y_test), groups)
    assert baseline.low < 0.5 < baseline.high and "may be chance" in baseline.sentence()


def drawn(seed: int, n: int = 400, planted: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Spectra (n, 64) at random, fakes stronger by `planted` deviations between 0.31 and 0.38 cycles per pixel."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    values = rng.normal(0, 1, (n, 64))
    values[:, (frequencies(64) > 0.3125) & (frequencies(64) <= 0.375)] += planted * y[:, None]
    return values, y


def test_frequency_baseline_leading_band():
    baseline = frequency_baseline(*drawn(0, planted=1), *drawn(1, planted=1), (None, None))
    assert len(baseline.features) == 8 and set(baseline.features) == {"feature", "name", "importance", "alone"}
    first, *others = baseline.features.itertuples()
    assert first.feature == "band_5" and first.name == "0.31 to 0.38 cycles per pixel"
    assert first.alone > 0.95 and first.importance > 0.4
    assert all(abs(other.importance) < 0.02 and abs(other.alone - 0.5) < 0.12 for other in others)
    assert baseline.leading == [first.name] and first.name in baseline.sentence()


@pytest.mark.slow
def test_frequency_baseline_folds_by_group():
    # Each person has a spectrum of their own and a label by the toss of a coin: rows of one person in several folds
    # would have the model learn people by heart.
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 10)
    values = rng.normal(0, 1, (40, 64))[person] + rng.normal(0, 0.1, (400, 64))
    y = rng.permutation(np.repeat([0, 1], 20))[person]
    apart = frequency_baseline(values, y, *drawn(1), (person, None))
    mixed = frequency_baseline(values, y, *drawn(1), (None, None))
    assert np.std(apart.scores) < 0.5 < 2 < np.std(mixed.scores)
    assert apart.low < 0.5 < apart.high


@pytest.mark.slow
def test_frequency_baseline_interval():
    train, (values, y) = drawn(0, planted=0.3), drawn(1, 100, planted=0.3)
    copies = np.repeat(values, 8, axis=0), np.repeat(y, 8)
    wide = frequency_baseline(*train, *copies, (None, np.repeat(np.arange(100), 8)))
    narrow = frequency_baseline(*train, *copies, (None, None))
    plain = frequency_baseline(*train, values, y, (None, None))
    assert wide.auc == pytest.approx(plain.auc) and narrow.auc == pytest.approx(plain.auc)
    assert wide.high - wide.low == pytest.approx(plain.high - plain.low, rel=0.15)
    assert narrow.high - narrow.low < 0.5 * (wide.high - wide.low)


@pytest.mark.slow
def test_frequency_baseline_missing_spectra():
    (x_train, y_train), (x_test, y_test) = drawn(0, planted=1), drawn(1, planted=1)
    names = np.array([f"p{i // 2}" for i in range(400)], dtype=object)
    names[50:60] = ""
    gaps_train, gaps_test = x_train.copy(), x_test.copy()
    gaps_train[::7], gaps_test[5] = np.nan, np.nan
    baseline = frequency_baseline(gaps_train, y_train, gaps_test, y_test, (names, names), seed=2)
    rows, others = np.arange(400) % 7 != 0, np.arange(400) != 5
    parts = (x_train[rows], y_train[rows], x_test[others], y_test[others])
    expected = frequency_baseline(*parts, (names[rows], names[others]), seed=2)
    assert baseline.n == 399 and np.flatnonzero(np.isnan(baseline.scores)).tolist() == [5]
    np.testing.assert_array_equal(baseline.scores[others], expected.scores)
    assert (baseline.auc, baseline.low, baseline.high) == (expected.auc, expected.low, expected.high)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"y_train": np.zeros(400)}, "the training rows are all real"),
        ({"y_test": np.ones(400)}, "the test rows are all fake"),
        ({"test_spectra": np.full((400, 64), np.nan)}, "the test rows have no spectrum"),
        ({"groups": (np.zeros(400), None)}, "one class forms a single connected group"),
    ],
)
def test_frequency_baseline_reasons(change, reason):
    (x_train, y_train), (x_test, y_test) = drawn(0), drawn(1)
    arguments = {"train_spectra": x_train, "y_train": y_train, "test_spectra": x_test, "y_test": y_test}
    baseline = frequency_baseline(**(arguments | {"groups": (None, None)} | change))
    assert np.isnan([baseline.auc, baseline.low, baseline.high]).all() and baseline.n == 0 and not len(baseline.scores)
    assert baseline.reason.startswith(reason) and reason in baseline.sentence() and not len(baseline.features)


def test_spectrum_figure_contents(images):
    values = np.concatenate([images["plain"], images["bilinear"], np.full((1, 32), np.nan)])
    y = np.array([0] * 120 + [1] * 121)
    baseline = frequency_baseline(*halves(images["plain"], images["bilinear"]))
    figure = spectrum_figure(values, y, baseline)
    real_low, real_high, real, fake_low, _, fake, difference = figure.data
    np.testing.assert_allclose(real.x, frequencies(32))
    np.testing.assert_allclose(real.y, images["plain"].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(real_low.y, np.percentile(images["plain"], 5, axis=0), rtol=1e-5)
    np.testing.assert_allclose(real_high.y, np.percentile(images["plain"], 95, axis=0), rtol=1e-5)
    np.testing.assert_allclose(fake_low.y, np.percentile(images["bilinear"], 5, axis=0), rtol=1e-5)
    np.testing.assert_allclose(difference.y, np.array(fake.y) - np.array(real.y), atol=1e-4)
    assert real.name.startswith("real (n = 120") and fake.name.startswith("fake (n = 120")
    assert difference.xaxis == "x2" and figure.layout.xaxis2.title.text == "spatial frequency (cycles per pixel)"
    text = figure.layout.title.subtitle.text.replace("<br>", " ")
    assert f"AUC {baseline.auc:.2f} ({baseline.low:.2f} to {baseline.high:.2f})" in text


def test_spectrum_figure_without_a_class(images):
    lone = spectrum_figure(images["plain"], np.zeros(120))
    assert len(lone.data) == 3 and lone.data[2].name.startswith("real") and not lone.layout.annotations
    none = spectrum_figure(np.full((3, 32), np.nan), np.array([0, 1, 1]))
    assert "No face has a spectrum" in none.layout.annotations[0].text
