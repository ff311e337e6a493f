"""The map from logits to probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from aletheia.core.errors import InputError
from aletheia.models.calibration_map import MAX_KNOTS, Calibration
from aletheia.models.spec import ModelSpec

KNOTS = ((-2.0, 0.1), (0.0, 0.1), (1.0, 0.6), (3.0, 0.9))


def test_calibration_isotonic_interpolates():
    fitted = Calibration(method="isotonic", knots=KNOTS)
    p = fitted.probabilities(np.array([-9, -2, -1, 0, 0.5, 1, 2, 3, 50, np.nan]))
    np.testing.assert_allclose(p[:-1], [0.1, 0.1, 0.1, 0.1, 0.35, 0.6, 0.75, 0.9, 0.9], atol=1e-7)
    assert np.isnan(p[-1]) and p.dtype == np.float32
    assert fitted.describe() == "isotonic (4 knots)"
    assert Calibration(method="isotonic", knots=KNOTS, thinned=0.0123).describe() == (
        "isotonic (4 knots, at most 0.012 off)"
    )
    assert Calibration(method="platt", scale=2, shift=-0.5).describe() == "platt (scale 2.000, shift -0.500)"


@pytest.mark.parametrize(
    "fitted",
    [Calibration(), Calibration(method="platt", scale=1.7, shift=-0.3), Calibration(method="isotonic", knots=KNOTS)],
    ids=lambda fitted: fitted.method,
)
@pytest.mark.parametrize("probability", [0.11, 0.35, 0.6, 0.89])
def test_logit_at_inverts_probabilities(fitted, probability):
    logit = fitted.logit_at(probability)
    assert fitted.probabilities(np.array([logit]))[0] == pytest.approx(probability, abs=1e-6)
    assert (
        fitted.probabilities(np.array([logit - 0.01]))[0]
        < probability
        < fitted.probabilities(np.array([logit + 0.01]))[0]
    )


def test_logit_at_unreachable_probability():
    fitted = Calibration(method="isotonic", knots=KNOTS)
    assert (fitted.logit_at(0.05), fitted.logit_at(0.1), fitted.logit_at(0.91)) == (-np.inf, -np.inf, np.inf)
    assert fitted.logit_at(0.9) == 3.0
    assert (Calibration().logit_at(0.0), Calibration().logit_at(1.0)) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    "values",
    [
        {"method": "isotonic"},
        {"method": "platt", "knots": KNOTS},
        {"method": "isotonic", "knots": KNOTS[:1]},
        {"method": "isotonic", "knots": KNOTS[::-1]},
        {"method": "isotonic", "knots": ((0.0, 0.5), (0.0, 0.6))},
        {"method": "isotonic", "knots": ((0.0, 0.5), (1.0, 0.4))},
        {"method": "isotonic", "knots": ((0.0, 0.5), (1.0, 1.1))},
        {"method": "isotonic", "knots": ((0.0, -0.1), (1.0, 0.4))},
        {"method": "isotonic", "knots": ((0.0, 0.5), (float("inf"), 0.6))},
        {"method": "isotonic", "knots": ((0.0, float("nan")), (1.0, 0.6))},
        {"method": "isotonic", "knots": tuple((float(k), 0.5) for k in range(MAX_KNOTS + 1))},
    ],
)
def test_calibration_invalid_knots(values):
    with pytest.raises(ValidationError, match="knots"):
        Calibration(**values)
    with pytest.raises(InputError, match="calibration"):
        ModelSpec(architecture="attention_cnn", input_size=32, calibration=values)
