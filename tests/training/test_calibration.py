"""Calibration and thresholds, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_curve

from aletheia.core.errors import InputError
from aletheia.models.calibration_map import MAX_KNOTS, Calibration
from aletheia.training.calibration import choose_threshold, fit_calibration, thin_knots


@pytest.fixture
def logits():
    rng = np.random.default_rng(0)
    y = (rng.random(3000) < 0.7).astype(int)
    return y, 4 * (rng.normal(2 * y - 1, 1.5) + 0.8)  # over-confident and shifted


def test_fit_calibration_platt_equals_scikit_learn(logits):
    y, z = logits
    ours = fit_calibration(y, z, "platt")
    slope, offset = _sigmoid_calibration(z, y)  # p = 1 / (1 + exp(slope z + offset))
    assert (ours.scale, ours.shift) == pytest.approx((-slope, -offset), rel=1e-3, abs=1e-3)
    # With many rows the smoothed targets hardly matter.
    plain = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(z[:, None], y)
    assert ours.scale == pytest.approx(plain.coef_[0, 0], rel=0.01)
    assert ours.shift == pytest.approx(plain.intercept_[0], abs=0.02)


def test_fit_calibration_balanced_platt(logits):
    y, z = logits
    ours = fit_calibration(y, z, "platt", balanced=True)
    plain = LogisticRegression(C=np.inf, class_weight="balanced", tol=1e-10, max_iter=1000).fit(z[:, None], y)
    assert ours.scale == pytest.approx(plain.coef_[0, 0], rel=0.01)
    assert ours.shift == pytest.approx(plain.intercept_[0], abs=0.02)
    p = ours.probabilities(z)
    assert (p[y == 1].mean() + p[y == 0].mean()) / 2 == pytest.approx(0.5, abs=0.01)


def test_fit_calibration_temperature_minimises_log_loss(logits):
    y, z = logits
    ours = fit_calibration(y, z, "temperature")
    best = minimize_scalar(lambda t: log_loss(y, 1 / (1 + np.exp(-z / t))), bounds=(0.1, 100), method="bounded")
    assert 1 / ours.scale == pytest.approx(best.x, rel=0.02)
    assert ours.shift == 0
    assert log_loss(y, ours.probabilities(z)) < log_loss(y, Calibration().probabilities(z))


@pytest.mark.parametrize("method", ["platt", "temperature"])
def test_fit_calibration_separable_data(method):
    y, z = np.array([0, 0, 0, 1, 1, 1]), np.array([-30.0, -20, -10, 10, 20, 30])
    fitted = fit_calibration(y, z, method)
    p = fitted.probabilities(z)
    assert 0 < fitted.scale < np.inf
    assert np.isfinite(p).all() and (np.diff(p) >= 0).all()


@pytest.mark.parametrize("balanced", [False, True])
def test_fit_calibration_isotonic_equals_scikit_learn(logits, balanced):
    y, z = logits
    ours = fit_calibration(y, z, "isotonic", balanced=balanced)
    weight = np.where(y == 1, 1 / y.mean(), 1 / (1 - y.mean())) if balanced else None
    theirs = IsotonicRegression(out_of_bounds="clip").fit(z, y, sample_weight=weight)
    low, high = 1 / ((y == 0).sum() + 2), (y.sum() + 1) / (y.sum() + 2)
    unseen = np.linspace(z.min() - 5, z.max() + 5, 4001)
    np.testing.assert_allclose(ours.probabilities(unseen), low + (high - low) * theirs.predict(unseen), atol=1e-6)
    assert ours.thinned == 0 and 2 < len(ours.knots) <= MAX_KNOTS
    p = ours.probabilities(unseen)
    assert 0 < p.min() == pytest.approx(low, rel=1e-5) and p.max() == pytest.approx(high, rel=1e-5) and p.max() < 1


def test_fit_calibration_isotonic_finds_steps():
    rng = np.random.default_rng(1)
    z = rng.uniform(-3, 3, 20_000)
    stairs = np.where(z < -1, 0.1, np.where(z < 1, 0.45, 0.9))
    y = (rng.random(len(z)) < stairs).astype(int)
    errors = {
        method: np.abs(fit_calibration(y, z, method).probabilities(z) - stairs).mean()
        for method in ("platt", "isotonic")
    }
    assert errors["isotonic"] < 0.02 < 0.05 < errors["platt"]


def test_fit_calibration_isotonic_small_cases():
    # Pools -1 with 0 (one fake, one real); targets are 3/4 and 1/4 for two rows of each class.
    fitted = fit_calibration(np.array([0, 1, 0, 1]), np.array([-2.0, -1.0, 0.0, 1.0]), "isotonic")
    assert fitted.knots == ((-2.0, 0.25), (-1.0, 0.5), (0.0, 0.5), (1.0, 0.75))
    # A network that has it the wrong way round knows nothing: one half everywhere.
    inverted = fit_calibration(np.array([1, 1, 0, 0]), np.array([-2.0, -1.0, 0.0, 1.0]), "isotonic")
    np.testing.assert_allclose(inverted.probabilities(np.array([-9.0, 0.5, 9.0])), 0.5)
    with pytest.raises(InputError, match="all are the same; choose 'platt'"):
        fit_calibration(np.array([0, 1]), np.array([1.0, 1.0]), "isotonic")


def test_thin_knots_error():
    rng = np.random.default_rng(2)
    z = np.sort(rng.normal(0, 2, 5000))
    p = np.cumsum(rng.exponential(size=5000) ** 4)
    p /= p[-1]
    kept, error = thin_knots(z, p, MAX_KNOTS)
    assert len(kept) == MAX_KNOTS and (kept[0], kept[-1]) == (0, 4999)
    assert np.abs(np.interp(z, z[kept], p[kept]) - p).max() == error
    assert 0 < error < np.abs(np.interp(z, z[::25], p[::25]) - p).max()
    kept, error = thin_knots(z[:150], p[:150], MAX_KNOTS)
    assert len(kept) == 150 and error == 0


def test_fit_calibration_isotonic_thinned(monkeypatch):
    rng = np.random.default_rng(3)
    z = rng.normal(0, 2, 30_000)
    y = (rng.random(len(z)) < 1 / (1 + np.exp(-z))).astype(int)
    monkeypatch.setattr("aletheia.training.calibration.MAX_KNOTS", 20)
    few = fit_calibration(y, z, "isotonic")
    monkeypatch.undo()
    many = fit_calibration(y, z, "isotonic")
    assert len(few.knots) == 20 < len(many.knots)
    assert np.abs(few.probabilities(z) - many.probabilities(z)).max() == pytest.approx(few.thinned, abs=1e-6)


def test_fit_calibration_none_and_invalid(logits):
    y, z = logits
    np.testing.assert_allclose(fit_calibration(y, z, "none").probabilities(z), 1 / (1 + np.exp(-z)), rtol=1e-6)
    assert np.isnan(Calibration().probabilities(np.array([np.nan]))).all()
    for bad_y, bad_z, method, match in (
        (y, z, "isotonicc", "not known"),
        (np.ones(3), np.ones(3), "platt", "one class"),
        (y[:3], z, "platt", "one length"),
        (np.array([0, 1]), np.array([0, np.inf]), "platt", "not finite"),
        (np.array([]), np.array([]), "platt", "one class"),
    ):
        with pytest.raises(InputError, match=match):
            fit_calibration(bad_y, bad_z, method)


_SAMPLES = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0])), min_size=2, max_size=40
)


@settings(deadline=None, max_examples=200)
@given(_SAMPLES)
def test_choose_threshold_balanced_accuracy(samples):
    y, p = (np.array(column, dtype=float) for column in zip(*samples, strict=True))
    if y.min() == y.max():
        return
    chosen = choose_threshold(y, p)
    best = max(balanced_accuracy_score(y, p >= t) for t in [*np.unique(p), 1.0])
    assert 0 <= chosen.value <= 1
    called = p >= chosen.value
    assert (chosen.tpr, chosen.fpr) == pytest.approx((called[y == 1].mean(), called[y == 0].mean()))
    assert balanced_accuracy_score(y, called) == pytest.approx(best)


@settings(deadline=None, max_examples=200)
@given(_SAMPLES, st.sampled_from([0.0, 0.01, 0.05, 0.3, 1.0]))
def test_choose_threshold_max_fpr(samples, max_fpr):
    y, p = (np.array(column, dtype=float) for column in zip(*samples, strict=True))
    if y.min() == y.max():
        return
    chosen = choose_threshold(y, p, max_fpr=max_fpr)
    called = p >= chosen.value
    assert called[y == 0].mean() == pytest.approx(chosen.fpr)
    if (p[y == 0] == 1).mean() <= max_fpr:  # no threshold within [0, 1] spares a real row with score 1
        assert called[y == 0].mean() <= max_fpr + 1e-12
        fpr, tpr, _ = roc_curve(y, p, drop_intermediate=False)
        assert called[y == 1].mean() == pytest.approx(tpr[fpr <= max_fpr].max())


def test_choose_threshold_middle_of_widest_gap():
    y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    chosen = choose_threshold(y, p)
    assert chosen.value == pytest.approx(0.5)
    assert (chosen.tpr, chosen.fpr) == (1.0, 0.0)
    assert "balanced accuracy" in chosen.how
    assert "0.05" in choose_threshold(y, p, max_fpr=0.05).how
    with pytest.raises(InputError, match="max_fpr"):
        choose_threshold(y, p, max_fpr=5)
