"""Calibration and abstention in model.json."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from aletheia.core.errors import InputError
from aletheia.faces.crop_config import CropConfig
from aletheia.models.spec import MAX_KNOTS, AbstentionSpec, Calibration, ModelSpec, read_spec, write_spec

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


def test_write_spec_round_trip(tmp_path):
    rules = AbstentionSpec(alpha=0.1, real_upper=0.7, fake_lower=0.3, ranges={"luma": (20.0, 230.0)}, reencode=0.4)
    spec = ModelSpec(
        architecture="attention_cnn",
        input_size=32,
        calibration=Calibration(method="isotonic", knots=((0.1 + 0.2, 1 / 3), (1e300, 2 / 3))),
        abstention=rules,
    )
    write_spec(tmp_path, spec)
    assert read_spec(tmp_path) == spec


def test_read_spec_of_older_version(tmp_path):
    path = write_spec(tmp_path, ModelSpec(architecture="attention_cnn", input_size=32))
    values = json.loads(path.read_text())
    del values["abstention"], values["calibration"]["knots"], values["calibration"]["thinned"]
    path.write_text(json.dumps(values))
    spec = read_spec(tmp_path)
    assert spec.abstention is None
    assert spec.calibration == Calibration()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"alpha": 0}, "alpha"),
        ({"alpha": 1}, "alpha"),
        ({"real_upper": 1.5}, "real_upper"),
        ({"fake_lower": float("nan")}, "fake_lower"),
        ({"min_face": -1}, "min_face"),
        ({"ranges": {"luma": (3, 2)}}, "ranges"),
        ({"ranges": {"hue": (1, 2)}}, "ranges"),
        ({"ranges": {"luma": (0, float("inf"))}}, "ranges"),
        ({"reencode": -0.1}, "reencode"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_abstention_spec_invalid(changes, match):
    values = {"alpha": 0.1, "real_upper": 0.7, "fake_lower": 0.3, **changes}
    with pytest.raises(InputError, match=match):
        ModelSpec(architecture="attention_cnn", input_size=32, abstention=values)


def test_crop_of_an_earlier_version_has_the_default_detector(tmp_path):
    """A model.json of the time before detectors could be chosen says nothing of them."""
    crop = {"size": 64, "policy": "scale", "margin": 0.25, "quality": None, "resolution": 0}
    (tmp_path / "model.json").write_text(json.dumps({"architecture": "attention_cnn", "input_size": 48, "crop": crop}))
    assert read_spec(tmp_path).crop == CropConfig(size=64, margin=0.25, detector="blazeface", threshold=0.75)


def test_crop_written_with_its_detector_and_nothing_of_the_selection(tmp_path):
    config = CropConfig(size=64, detector="other", threshold=0.9, quality=(60, 95), resolution=32, frames=3)
    write_spec(tmp_path, ModelSpec(architecture="attention_cnn", input_size=48, crop=config))
    assert json.loads((tmp_path / "model.json").read_bytes())["crop"] == {
        "size": 64,
        "policy": "scale",
        "margin": 0.2,
        "quality": [60, 95],
        "resolution": 32,
        "detector": "other",
        "threshold": 0.9,
    }
    assert read_spec(tmp_path).crop == config.model_copy(update={"frames": 16})


@pytest.mark.parametrize("crop", [{"size": 10**6}, {"detector": "../../etc"}, {"threshold": 0}, {"surprise": 1}])
def test_crop_of_a_stranger(crop):
    (field,) = crop
    with pytest.raises(InputError, match=rf"crop: .*{field}"):
        ModelSpec(architecture="attention_cnn", input_size=48, crop=crop)
