"""Ensembles of several models."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.faces.crop_config import CropConfig
from aletheia.inference.ensemble import Ensemble, open_predictor
from aletheia.inference.predictor import Predictor
from aletheia.inference.video import predict_video
from aletheia.models.bundle import save_bundle
from aletheia.models.calibration_map import Calibration
from aletheia.models.onnx_export import export_onnx
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec, read_spec, write_spec
from aletheia.models.verdict import UNCUT, decide


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """A model that differs from `bundle` in weights, input, crop, calibration and threshold."""
    folder = tmp_path_factory.mktemp("other")
    torch.manual_seed(11)
    spec = ModelSpec(
        architecture="attention_cnn",
        options={"width": 4},
        input_size=32,
        crop=CropConfig(size=40, policy="aligned", margin=0.1),
        calibration=Calibration(method="isotonic", knots=((-3.0, 0.1), (-0.5, 0.4), (0.5, 0.7), (3.0, 0.95))),
        threshold=0.7,
        trained_on="elsewhere",
    )
    save_bundle(folder, create_model("attention_cnn", width=4).eval(), spec)
    export_onnx(folder, np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), np.uint8))
    return folder


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def pooled(values: list[float], weights: list[float]) -> float:
    z = sum(weight * logit(p) for p, weight in zip(values, weights, strict=True)) / sum(weights)
    return float(1 / (1 + np.exp(-z)))


def test_ensemble_score_is_logit_pool(bundle, other, portraits):
    first, second = Predictor(bundle), Predictor(other)
    both = Ensemble([bundle, other], [3, 1])
    threshold = pooled([0.4, 0.7], [3, 1])
    assert both.spec.threshold == pytest.approx(threshold)
    for picture, _ in portraits:
        alone, beside = first.predict(picture).faces[0], second.predict(picture).faces[0]
        (face,) = both.predict(picture).faces
        expected = pooled([alone.probability, beside.probability], [3, 1])
        assert face.probability == pytest.approx(expected, abs=1e-5)
        assert face.verdict == ("fake" if expected >= threshold else "real")
        assert (face.box, face.detection_score) == (alone.box, alone.detection_score)
    assert both.spec.trained_on == "elsewhere" and both.spec.aggregation == first.spec.aggregation


@pytest.mark.slow
def test_ensemble_of_copies_equals_member(with_rules, bundle, portraits):
    plain = Predictor(bundle)
    p = np.sort([plain.predict(picture).probability for picture, _ in portraits]).tolist()
    middle = (p[3] + p[4]) / 2
    size = plain.predict(portraits[0][0]).faces[0]
    rules = [
        {"changes": {"threshold": middle}, "real_upper": p[5], "fake_lower": p[2]},
        {"changes": {"threshold": middle}, "real_upper": p[2], "fake_lower": p[5]},
        {"min_face": size.box[2] - size.box[0]},
        {"ranges": {"luma": (0.0, 110.0)}},
        {"changes": {"threshold": middle}, "real_upper": middle, "fake_lower": middle, "reencode": 10.0},
    ]
    causes = set()
    for values in rules:
        folder = with_rules(**values)
        alone = Predictor(folder)
        for together in (Ensemble([folder]), Ensemble([folder] * 2, [1, 4])):
            for picture, _ in portraits[:4]:
                expected, prediction = alone.predict(picture), together.predict(picture)
                assert prediction.probability == pytest.approx(expected.probability, abs=2e-5)
                assert prediction.verdict == expected.verdict
                assert prediction.reason.startswith(expected.reason)
                causes.add(expected.reason.partition(":")[0])
    expected = {"", "real and fake are both plausible", "neither real nor fake is plausible", "the face is too small"}
    expected |= {"out of the training range"}
    assert expected <= causes


def test_merge_majority_of_weight(with_rules):
    """Against an enumeration of every combination of the members' sets."""
    folder = with_rules({"threshold": 0.5}, real_upper=0.6, fake_lower=0.4)
    strict = with_rules({"threshold": 0.5}, real_upper=0.3, fake_lower=0.7)
    together = Ensemble([folder, strict, strict], [2, 1, 1])
    values = (0.1, 0.45, 0.55, 0.9)
    sets = {
        folder: {0.1: {"real"}, 0.45: {"real", "fake"}, 0.55: {"real", "fake"}, 0.9: {"fake"}},
        strict: {0.1: {"real"}, 0.45: set(), 0.55: set(), 0.9: {"fake"}},
    }
    outcomes = set()
    for p in itertools.product(values, repeat=3):
        verdicts = [(q, decide(member.spec, q)) for q, member in zip(p, together.members, strict=True)]
        score, verdict = together.merge(verdicts)
        assert score == pytest.approx(pooled(list(p), [2, 1, 1]))
        label_sets = [sets[folder][p[0]], sets[strict][p[1]], sets[strict][p[2]]]
        plausible = {
            label
            for label in ("real", "fake")
            if sum(w for w, label_set in zip((2, 1, 1), label_sets, strict=True) if label in label_set) > 2
        }
        answer = "fake" if score >= together.spec.threshold else "real"
        assert verdict.verdict == (answer if plausible == {answer} else "cannot tell"), p
        assert bool(verdict.reason) == (verdict.verdict == "cannot tell")
        outcomes.add((verdict.verdict, verdict.reason))
    assert ("cannot tell", "the models disagree: neither real nor fake is plausible to most of the models") in outcomes
    assert {verdict for verdict, _ in outcomes} == {"real", "fake", "cannot tell"}


def test_merge_error_rate(with_rules):
    """Dependent members, each with limits that were fitted to miss alpha of either class."""
    rng, alpha, count = np.random.default_rng(0), 0.1, 4000
    y = rng.integers(0, 2, count)
    common = rng.normal(size=count)
    z = np.stack([1.5 * (2 * y - 1) + common + rng.normal(size=count) for _ in range(3)], 1)
    p = 1 / (1 + np.exp(-z))
    folders = [
        with_rules(
            {"threshold": 0.5},
            alpha=alpha,
            real_upper=float(np.quantile(column[y == 0], 1 - alpha)),
            fake_lower=float(np.quantile(column[y == 1], alpha)),
        )
        for column in p.T
    ]
    together = Ensemble(folders, [1, 1, 2])
    specs = [member.spec for member in together.members]
    verdicts = [together.merge([(q, decide(s, q)) for q, s in zip(row, specs, strict=True)])[1].verdict for row in p]
    for label, name, opposite in ((0, "real", "fake"), (1, "fake", "real")):
        answers = [verdict for verdict, truth in zip(verdicts, y, strict=True) if truth == label]
        assert answers.count(opposite) / len(answers) <= 2 * alpha
        assert answers.count(name) / len(answers) > 0.6


def test_ensemble_abstaining_members(with_rules, bundle, portraits):
    picture = portraits[0][0]
    able, unable, without = with_rules(), with_rules(min_face=2000), bundle
    prediction = Ensemble([able, unable], [1, 2]).predict(picture)
    assert prediction.verdict == "cannot tell" and "too small" in prediction.reason
    assert Ensemble([able, unable], [2, 1]).predict(picture).verdict == Predictor(bundle).predict(picture).verdict
    # A model without rules has no vote: the others alone decide on plausibility.
    for heavy in (0.1, 10):
        assert Ensemble([unable, without], [1, heavy]).predict(picture).verdict == "cannot tell"
    assert Ensemble([without, without]).predict(picture).verdict in ("real", "fake")


def test_ensemble_bounds_certainty(with_rules, portraits):
    never = Calibration(method="isotonic", knots=((-100.0, 0.0), (100.0, 0.0)))
    certain, doubting = with_rules({"calibration": never, "abstention": None}), with_rules({"abstention": None})
    p = Predictor(doubting).predict(portraits[0][0]).probability
    prediction = Ensemble([certain, doubting], [1, 9]).predict(portraits[0][0])
    assert prediction.probability == pytest.approx(pooled([1e-5, p], [1, 9]), rel=1e-3)


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_ensemble_members_at_end_of_scale(with_rules, portraits, end):
    picture = portraits[0][0]
    for certain, verdict in ((end, "fake"), (0.5, "real" if end else "fake")):
        always = Calibration(method="isotonic", knots=((-100.0, certain), (100.0, certain)))
        folder = with_rules({"calibration": always, "threshold": end, "abstention": None})
        (alone,) = Predictor(folder).predict(picture).faces
        (pooled_score,) = Ensemble([folder, folder], [1, 2]).predict(picture).faces
        assert (alone.probability, alone.verdict) == (certain, verdict)
        assert pooled_score.verdict == verdict and pooled_score.probability == pytest.approx(certain, abs=2e-5)


def test_ensemble_uncut_face(bundle, other, portraits, monkeypatch):
    """Only the other model aligns faces."""
    both, picture = Ensemble([bundle, other]), np.hstack([portraits[0][0], portraits[1][0]])
    expected = both.predict(picture).faces
    faces = both.detector.detect(picture)
    spoilt = [dataclasses.replace(faces[0], keypoints=np.full((6, 2), 30, np.float32)), faces[1]]
    monkeypatch.setattr(both.detector, "detect", lambda rgb, check: spoilt)
    first, second = both.predict(picture).faces
    assert (first.verdict, first.cause) == ("cannot tell", UNCUT) and "keypoints coincide" in first.reason
    assert second == expected[1]


def test_ensemble_alpha(with_rules, bundle):
    assert Ensemble([with_rules(alpha=0.05), with_rules(alpha=0.1)]).alpha == pytest.approx(0.2)
    assert Ensemble([with_rules(alpha=0.7), bundle]).alpha == 1.0


def test_predict_video_ensemble(bundle, other, portraits, write_video, tmp_path):
    pictures = [(portraits[0][0] * (1 - 0.08 * i)).astype(np.uint8) for i in range(6)]
    clip = write_video(tmp_path / "clip.mp4", pictures, rate=4, crf=10)
    both = predict_video(Ensemble([bundle, other], [1, 2]), clip, frames=6, aggregation="mean_probability")
    parts = [
        predict_video(Predictor(folder), clip, frames=6, aggregation="mean_probability") for folder in (bundle, other)
    ]
    for number, person in enumerate(both.people):
        alone = [part.people[number].probability for part in parts]
        assert person.probability == pytest.approx(pooled(alone, [1, 2]), abs=1e-4)
        assert person.times == parts[0].people[number].times
        assert np.ptp([face.probability for face in person.faces]) > 0.002  # else this shows nothing


def test_ensemble_spec_hash(bundle, other, tmp_path):
    version = Ensemble([bundle, other], [1, 3]).spec.weights_sha256
    assert Ensemble([other, bundle], [6, 2]).spec.weights_sha256 == version
    versions = {version, Ensemble([other, bundle]).spec.weights_sha256, Ensemble([bundle]).spec.weights_sha256}
    shutil.copytree(other, tmp_path / "changed")
    spec = read_spec(other)
    write_spec(tmp_path / "changed", spec.model_copy(update={"weights_sha256": "0" * 64}))
    versions.add(Ensemble([bundle, tmp_path / "changed"], [1, 3]).spec.weights_sha256)
    assert len(versions) == 4 and not versions & {spec.weights_sha256, read_spec(bundle).weights_sha256}


@pytest.mark.parametrize(
    ("count", "weights", "message"),
    [
        (0, [], "1 to 16 models; 0"),
        (17, [], "17 were named"),
        (2, [1], "one weight for each"),
        (1, [1, 2], "one weight for each"),
        (2, [1, 0], "weight 0"),
        (2, [1, -1], "weight -1"),
        (2, [float("nan"), 1], "weight nan"),
        (2, [float("inf"), 1], "weight inf"),
        (2, [1e308, 1e308], "1e\\+308"),
    ],
)
def test_ensemble_invalid_weights(bundle, count, weights, message):
    with pytest.raises(InputError, match=message):
        Ensemble([bundle] * count, weights)


def test_open_predictor_single_bundle(bundle, other):
    assert type(open_predictor([bundle])) is Predictor
    assert open_predictor([bundle], [2.0]).spec == read_spec(bundle)
    assert isinstance(open_predictor([bundle, other], threads=1), Ensemble)
    with pytest.raises(InputError, match="one weight for each"):
        open_predictor([bundle], [1, 2])


def test_members_of_one_detector(with_rules):
    """The heaviest member's threshold counts; faces of two detectors cannot be cut out alike."""
    sure, usual = (with_rules({"crop": CropConfig(size=64, threshold=threshold)}) for threshold in (0.9, 0.75))
    assert Ensemble([sure, usual], [1, 3]).detector.threshold == 0.75
    assert Ensemble([sure, usual], [3, 1]).detector.threshold == 0.9
    other = with_rules({"crop": CropConfig(size=64, detector="other")})
    with pytest.raises(InputError, match=r"different detectors \(blazeface, other\)"):
        Ensemble([usual, other])
