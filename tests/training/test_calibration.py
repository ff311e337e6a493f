"""Calibration and thresholds, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.calibration import _sigmoid_calibration
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_curve

from aletheia.errors import InputError
from aletheia.models.spec import Calibration
from aletheia.training.calibration import choose_threshold, fit_calibration


@pytest.fixture
def logits():
    rng = np.random.default_rng(0)
    y = (rng.random(3000) < 0.7).astype(int)
    return y, 4 * (rng.normal(2 * y - 1, 1.5) + 0.8)  # over-confident and shifted


def test_platt_is_scikit_learns(logits):
    y, z = logits
    ours = fit_calibration(y, z, "platt")
    slope, offset = _sigmoid_calibration(z, y)  # p = 1 / (1 + exp(slope z + offset))
    assert (ours.scale, ours.shift) == pytest.approx((-slope, -offset), rel=1e-3, abs=1e-3)
    # With many rows the smoothed targets hardly matter.
    plain = LogisticRegression(penalty=None, tol=1e-10, max_iter=1000).fit(z[:, None], y)
    assert ours.scale == pytest.approx(plain.coef_[0, 0], rel=0.01)
    assert ours.shift == pytest.approx(plain.intercept_[0], abs=0.02)


def test_balanced_platt_refers_to_a_prior_of_one_half(logits):
    y, z = logits
    ours = fit_calibration(y, z, "platt", balanced=True)
    plain = LogisticRegression(penalty=None, class_weight="balanced", tol=1e-10, max_iter=1000).fit(z[:, None], y)
    assert ours.scale == pytest.approx(plain.coef_[0, 0], rel=0.01)
    assert ours.shift == pytest.approx(plain.intercept_[0], abs=0.02)
    p = ours.probabilities(z)
    assert (p[y == 1].mean() + p[y == 0].mean()) / 2 == pytest.approx(0.5, abs=0.01)


def test_temperature_minimises_the_log_loss(logits):
    y, z = logits
    ours = fit_calibration(y, z, "temperature")
    best = minimize_scalar(lambda t: log_loss(y, 1 / (1 + np.exp(-z / t))), bounds=(0.1, 100), method="bounded")
    assert 1 / ours.scale == pytest.approx(best.x, rel=0.02)
    assert ours.shift == 0
    assert log_loss(y, ours.probabilities(z)) < log_loss(y, Calibration().probabilities(z))


@pytest.mark.parametrize("method", ["platt", "temperature"])
def test_separable_data_gives_finite_increasing_probabilities(method):
    y, z = np.array([0, 0, 0, 1, 1, 1]), np.array([-30.0, -20, -10, 10, 20, 30])
    fitted = fit_calibration(y, z, method)
    p = fitted.probabilities(z)
    assert 0 < fitted.scale < np.inf
    assert np.isfinite(p).all() and (np.diff(p) >= 0).all()


def test_none_and_bad_input(logits):
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
def test_the_threshold_has_the_highest_balanced_accuracy(samples):
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
def test_the_stated_false_positive_rate_is_kept(samples, max_fpr):
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


def test_the_threshold_lies_halfway_in_the_widest_gap():
    y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    chosen = choose_threshold(y, p)
    assert chosen.value == pytest.approx(0.5)
    assert (chosen.tpr, chosen.fpr) == (1.0, 0.0)
    assert "balanced accuracy" in chosen.how
    assert "0.05" in choose_threshold(y, p, max_fpr=0.05).how
    with pytest.raises(InputError, match="max_fpr"):
        choose_threshold(y, p, max_fpr=5)
