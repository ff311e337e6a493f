"""Real, fake or cannot tell."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
from scipy.ndimage import laplace

from aletheia.models.calibration_map import Calibration
from aletheia.models.spec import AbstentionSpec, ModelSpec, TypicalSpec
from aletheia.models.verdict import (
    BOTH,
    CAUSES,
    KIND,
    NEITHER,
    OTHER,
    RANGE,
    SMALL,
    TURNS,
    Verdict,
    combine,
    crop_statistics,
    decide,
    read_ranges,
    within_reach,
)


def model(threshold: float = 0.5, **rules) -> ModelSpec:
    rules = {"alpha": 0.1, "real_upper": 0.6, "fake_lower": 0.4, **rules}
    return ModelSpec(
        architecture="attention_cnn", input_size=32, threshold=threshold, abstention=AbstentionSpec(**rules)
    )


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.normal(120, 50, (5, 5, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def test_crop_statistics_equal_scipy(crop):
    statistics = crop_statistics(crop)
    grey = np.rint(crop @ np.array([0.299, 0.587, 0.114]))
    assert statistics["luma"] == pytest.approx(grey.mean(), abs=0.02)
    assert statistics["contrast"] == pytest.approx(grey.std(), abs=0.02)
    assert statistics["sharpness"] == pytest.approx(np.log(laplace(grey, mode="mirror").var()), abs=0.01)
    blurred = crop_statistics(cv2.GaussianBlur(crop, (9, 9), 2))
    assert blurred["sharpness"] < statistics["sharpness"] - 2
    assert blurred["luma"] == pytest.approx(statistics["luma"], abs=0.5)


def test_crop_statistics_single_colour():
    statistics = crop_statistics(np.full((16, 16, 3), 80, np.uint8))
    assert statistics["luma"] == 80 and statistics["contrast"] == 0
    assert np.isfinite(statistics["sharpness"]) and statistics["sharpness"] < -10


def test_decide_without_rules():
    spec = ModelSpec(architecture="attention_cnn", input_size=32, threshold=0.4)
    verdicts = [decide(spec, p, face_size=1, statistics={"luma": 0}, reencoded=[1 - p]) for p in (0.39, 0.4)]
    assert verdicts == [Verdict("real"), Verdict("fake")]


@pytest.mark.parametrize(
    ("limits", "threshold", "outcomes"),
    [
        # Both labels are plausible between the limits, and on them.
        ((0.6, 0.4), 0.5, {0.39: "real", 0.4: BOTH, 0.5: BOTH, 0.6: BOTH, 0.61: "fake"}),
        # The limits leave a gap in which neither is.
        ((0.3, 0.7), 0.5, {0.3: "real", 0.31: NEITHER, 0.69: NEITHER, 0.7: "fake"}),
        # The threshold lies beyond: its answer is "real" where only "fake" is plausible, and the other way round.
        ((0.6, 0.4), 0.9, {0.39: "real", 0.5: BOTH, 0.7: OTHER, 0.9: "fake"}),
        ((0.6, 0.4), 0.1, {0.09: "real", 0.2: OTHER, 0.5: BOTH, 0.7: "fake"}),
        # Too few validation faces of a class: it is always plausible.
        ((1.0, 0.4), 0.5, {0.39: "real", 1.0: BOTH}),
    ],
)
def test_decide_conformal_sets(limits, threshold, outcomes):
    spec = model(threshold, real_upper=limits[0], fake_lower=limits[1])
    for probability, outcome in outcomes.items():
        verdict = decide(spec, probability)
        if outcome in CAUSES:
            assert (verdict.verdict, verdict.cause) == ("cannot tell", outcome), probability
            assert verdict.reason
        else:
            assert verdict == Verdict(outcome), probability


def test_decide_out_of_training_range():
    spec = model(min_face=40, ranges={"luma": (60, 190), "sharpness": (4, 8), "face_size": (50, 300)})
    fine = {"luma": 190.0, "contrast": 999.0, "sharpness": 4.0}
    assert decide(spec, 0.9, face_size=300, statistics=fine) == Verdict("fake")
    assert decide(spec, 0.9, face_size=3000, statistics=fine) == Verdict("fake")  # shrunk, as in the training
    verdict = decide(spec, 0.9, face_size=48, statistics={**fine, "sharpness": 3.9})
    assert (verdict.verdict, verdict.cause) == ("cannot tell", RANGE)
    assert verdict.reason == (
        "out of the training range: sharpness 3.9 (4 to 8), side of the face in pixels 48 (50 to 300)"
    )
    small = decide(spec, 0.9, face_size=39.9, statistics={**fine, "luma": 0})
    assert small.cause == SMALL and "39 pixels" in small.reason and "40" in small.reason
    assert decide(spec, 0.9, face_size=45).cause == RANGE


def test_decide_unknown_statistics():
    spec = model(min_face=40, ranges={"luma": (60, 190), "face_size": (50, 300)})
    assert decide(spec, 0.9) == Verdict("fake")
    assert decide(spec, 0.1, face_size=np.nan, statistics={"luma": np.nan}) == Verdict("real")


def test_decide_turns_when_reencoded():
    spec = model(real_upper=0.55, fake_lower=0.52)
    assert decide(spec, 0.6, reencoded=[0.6, 0.5]) == Verdict("fake")
    verdict = decide(spec, 0.6, reencoded=[0.6, 0.499])
    assert verdict == Verdict("cannot tell", "the answer turns when the picture is saved again", TURNS)
    assert decide(spec, 0.45, reencoded=[0.49, 0.3]) == Verdict("real")
    assert decide(spec, 0.45, reencoded=[0.5, 0.3]).cause == TURNS
    # The conformal set is checked first.
    assert decide(spec, 0.53, reencoded=[0.1, 0.1]).cause == BOTH


@pytest.mark.parametrize(
    ("calibration", "at"),
    [
        (Calibration(method="platt", scale=2.0, shift=1.0), (np.log(0.6 / 0.4) - 1) / 2),
        (Calibration(method="isotonic", knots=((-1.0, 0.2), (1.0, 0.8))), 1 / 3),
    ],
)
def test_within_reach_of_threshold(calibration, at):
    spec = model(0.6, reencode=0.25).model_copy(update={"calibration": calibration})
    assert [within_reach(spec, at + d) for d in (-0.26, -0.24, 0.0, 0.24, 0.26)] == [False, True, True, True, False]
    assert not within_reach(spec, float("nan"))
    for rules in (None, model().abstention):
        assert not within_reach(spec.model_copy(update={"abstention": rules}), at)


def test_combine_precedence():
    real, fake = Verdict("real"), Verdict("fake")
    dark, small = Verdict("cannot tell", "dark"), Verdict("cannot tell", "small")
    assert combine([real, real]) == real
    assert combine([real, dark, fake]) == fake
    assert combine([real, dark]) == dark
    assert combine([dark, small, dark]) == Verdict("cannot tell", "dark; small")


def test_verdict_imports_nothing_heavy():
    code = "import sys, aletheia.models.verdict; print({'torch', 'mlrun', 'sklearn', 'pandas'} & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert process.stdout.strip() == "set()", process.stderr


def test_decide_another_kind_of_picture():
    typical = TypicalSpec(sha256="0" * 64, features=3, limit=1.5, level=0.02, faces=100)
    spec = model(typical=typical, ranges={"luma": (60, 190)})
    assert decide(spec, 0.9, statistics={"luma": 100, "distance": 1.5}) == Verdict("fake")
    assert decide(spec, 0.9, statistics={"luma": 100}) == Verdict("fake")
    assert decide(spec, 0.9, statistics={"luma": 100, "distance": np.nan}) == Verdict("fake")
    other = decide(spec, 0.9, face_size=5000, statistics={"luma": 100, "distance": 1.51})
    assert (other.verdict, other.cause) == ("cannot tell", KIND)
    assert "another kind of picture" in other.reason and "98%" in other.reason
    assert decide(model(), 0.9, statistics={"distance": 99}) == Verdict("fake")


def test_read_ranges_reads_every_reason():
    """What `decide` writes is read again, also where a rounded value equals the limit that it exceeds."""
    ranges = {"luma": (50.0, 180.0), "contrast": (20.0, 70.0), "sharpness": (-1.5, 7.298), "face_size": (92.79, 155.5)}
    spec = model(ranges=ranges)
    verdict = decide(spec, 0.9, face_size=20, statistics={"luma": 181, "contrast": 1e-9, "sharpness": 7.2981})
    assert verdict.cause == RANGE
    assert read_ranges(verdict.reason) == [
        ("luma", True), ("contrast", False), ("sharpness", True), ("face_size", False)
    ]  # fmt: skip
    assert read_ranges("the face is too small: 3 pixels a side") == []
