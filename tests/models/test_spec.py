"""Calibration and abstention in model.json."""

from __future__ import annotations

import json

import pytest

from aletheia.core.errors import InputError
from aletheia.faces.crop_config import CropConfig
from aletheia.models.calibration_map import Calibration
from aletheia.models.spec import AbstentionSpec, ModelSpec, TypicalSpec, read_spec, write_spec


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


def test_origin_says_how_it_was_trained():
    training = {"architecture": "small", "weights": "imagenet", "learning_rate": 0.001, "num_threads": 2}
    origin = ModelSpec(architecture="small", input_size=64, training=training, run="r").origin()
    assert origin["recipe"] == "weights=imagenet, learning_rate=0.001"
    assert (origin["architecture"], origin["train_run"]) == ("small", "r")


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


def test_kind_note_says_that_and_why_other_kinds_are_not_noticed():
    rules = AbstentionSpec(alpha=0.1, real_upper=0.6, fake_lower=0.4, typical_missing="there were 7 faces")
    spec = ModelSpec(architecture="attention_cnn", input_size=32, abstention=rules)
    assert spec.kind_note().endswith("and answers them like any other: there were 7 faces.")
    assert spec.model_copy(update={"abstention": None}).kind_note().endswith("trained to answer always.")
    typical = TypicalSpec(sha256="a" * 64, features=2, limit=1.0, level=0.02, faces=50)
    assert spec.model_copy(update={"abstention": rules.model_copy(update={"typical": typical})}).kind_note() == ""
    earlier = rules.model_copy(update={"typical_missing": ""})
    assert "why is not recorded" in spec.model_copy(update={"abstention": earlier}).kind_note()
