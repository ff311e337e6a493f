"""Wishes of a caller: threshold and calibration, for a model and for an ensemble."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.inference.ensemble import Ensemble
from aletheia.inference.options import DEFAULT, PredictOptions, adjusted_spec
from aletheia.inference.predictor import Predictor
from aletheia.models.calibration_map import Calibration
from aletheia.models.spec import AbstentionSpec, ModelSpec, read_spec
from aletheia.models.verdict import decide

BARE = PredictOptions(use_calibration=False)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_predict_options_refuse_what_is_no_probability(threshold):
    with pytest.raises(InputError, match="from 0 to 1"):
        PredictOptions(threshold)
    assert not DEFAULT.changes_decision


@pytest.mark.parametrize(
    "calibration",
    [
        Calibration(method="platt", scale=1.7, shift=-0.3),
        Calibration(method="isotonic", knots=((-2.0, 0.05), (0.0, 0.3), (3.0, 0.95))),
    ],
)
def test_adjusted_spec_without_calibration_decides_alike(calibration):
    rules = AbstentionSpec(alpha=0.1, real_upper=0.35, fake_lower=0.6)
    spec = ModelSpec(architecture="x", input_size=32, calibration=calibration, threshold=0.4, abstention=rules)
    bare = adjusted_spec(spec, BARE)
    logits = np.linspace(-4, 4, 401) + 1e-3
    for p, raw in zip(spec.calibration.probabilities(logits), bare.calibration.probabilities(logits), strict=True):
        assert decide(spec, float(p)) == decide(bare, float(raw))
    np.testing.assert_allclose(bare.calibration.probabilities(logits), 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_adjusted_spec_takes_the_threshold_of_the_caller(bundle):
    spec = read_spec(bundle)
    adjusted = adjusted_spec(spec, PredictOptions(0.9))
    assert (adjusted.threshold, adjusted.calibration) == (0.9, spec.calibration)
    assert adjusted_spec(spec, PredictOptions(0.9, use_calibration=False)).threshold == 0.9


def test_predict_with_options(bundle, jpeg):
    predictor = Predictor(bundle)
    plain = predictor.predict(jpeg)
    (face,) = plain.faces
    bare = predictor.predict(jpeg, BARE)
    assert bare.verdict == plain.verdict
    assert (
        bare.probability == pytest.approx(face.raw_probability, abs=1e-6) != pytest.approx(plain.probability, abs=1e-3)
    )
    assert predictor.predict(jpeg, PredictOptions(0.0)).verdict == "fake"
    assert predictor.predict(jpeg, PredictOptions(1.0)).verdict == "real"
    assert predictor.predict(jpeg) == plain  # nothing of it stays
    assert predictor.adjusted(DEFAULT) is predictor


def test_predict_with_options_of_an_ensemble(bundle, jpeg):
    ensemble, alone = Ensemble([bundle, bundle]), Predictor(bundle)
    for options in (PredictOptions(0.0), PredictOptions(1.0), BARE):
        together, single = ensemble.predict(jpeg, options), alone.predict(jpeg, options)
        assert together.verdict == single.verdict
        assert together.probability == pytest.approx(single.probability, abs=1e-5)
    assert ensemble.adjusted(DEFAULT) is ensemble
