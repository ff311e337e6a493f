"""Rules of abstention: their coverage on exchangeable data, and small cases by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from aletheia.audit.training_profile import face_sides
from aletheia.core.errors import InputError
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.extraction import extract_faces, faces_of
from aletheia.imaging.reading import read_image
from aletheia.imaging.transforms import normalise
from aletheia.models.preprocessing import network_input
from aletheia.models.reencoding import compressed, reencoded_inputs
from aletheia.models.registry import create_model
from aletheia.models.spec import ModelSpec
from aletheia.models.verdict import STATISTICS, crop_statistics, decide
from aletheia.training.abstention import (
    conformal_limit,
    fit_abstention,
    manifest_statistics,
    reencoded_logits,
    risk_limits,
)
from aletheia.training.calibration import choose_threshold, fit_calibration

NOTHING = pd.DataFrame({name: [np.nan] for name in STATISTICS})


def test_fit_abstention_limits():
    reals, fakes = np.arange(1, 20) / 100, 1 - np.arange(1, 10) / 100
    y, p = np.repeat([0, 1], [19, 9]), np.concatenate([reals, fakes])
    # ceil(20 * 0.9) = 18th smallest of 19 genuine ones; ceil(10 * 0.9) = 9th largest of 9 fakes.
    rules = fit_abstention(y, p, NOTHING, alpha=0.1)
    assert (rules.real_upper, rules.fake_lower) == (pytest.approx(0.18), pytest.approx(0.91))
    assert (rules.min_face, rules.ranges, rules.reencode) == (0, {}, None)
    assert rules.real_held == pytest.approx((18, 1), rel=1 / 19) and rules.fake_held == (9, 0)
    # All of one person: as good as one face, whatever the number of pictures.
    one = fit_abstention(y, p, NOTHING, alpha=0.1, groups=np.zeros(28))
    assert one.real_upper == rules.real_upper and sum(one.real_held) == pytest.approx(1)
    # ceil(20 * 0.95) = 19th; 9 fakes are too few for 0.05: "fake" is always plausible.
    rules = fit_abstention(y, p, NOTHING, alpha=0.05)
    assert (rules.real_upper, rules.fake_lower) == (pytest.approx(0.19), 0.0)
    assert rules.fake_held is None
    assert fit_abstention(1 - y, 1 - p, NOTHING, alpha=0.05).real_upper == 1.0


@pytest.mark.parametrize("n", [9, 19, 29, 39, 99, 999])
@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.3, 0.7])
def test_conformal_limit_whole_rank(n, alpha):
    assert conformal_limit(np.arange(1, n + 1), alpha) == round((n + 1) * (1 - alpha))


@pytest.mark.parametrize("alpha", [0.1, 0.25])
def test_fit_abstention_coverage_of_each_class(alpha):
    """Mean coverage over many draws is k / (n + 1) exactly, k = ceil((n + 1)(1 - alpha)), whatever the scores are."""
    rng, draws, counts = np.random.default_rng(0), 3000, {0: 30, 1: 140}
    covered = {0: [], 1: []}
    y = np.repeat([0, 1], [counts[0] + 200, counts[1] + 200])
    fitted_on = np.concatenate([np.arange(counts[0]), counts[0] + 200 + np.arange(counts[1])])
    new = np.setdiff1d(np.arange(len(y)), fitted_on)
    for _ in range(draws):
        # Not calibrated and of different spread: only the order within a class matters.
        p = np.where(y == 1, rng.beta(3, 1, len(y)), rng.beta(0.7, 2, len(y)))
        rules = fit_abstention(y[fitted_on], p[fitted_on], NOTHING, alpha=alpha)
        covered[0].append((p[new] <= rules.real_upper)[y[new] == 0].mean())
        covered[1].append((p[new] >= rules.fake_lower)[y[new] == 1].mean())
    for label, shares in covered.items():
        n = counts[label]
        exact = np.ceil((n + 1) * (1 - alpha) - 1e-9) / (n + 1)
        assert 1 - alpha <= exact
        assert np.mean(shares) == pytest.approx(exact, abs=4 * np.std(shares) / np.sqrt(draws))


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_fit_abstention_error_rate_with_calibration(method):
    rng, alpha, error_rates = np.random.default_rng(1), 0.1, []
    for _ in range(80):
        y = np.repeat([0, 1, 0, 1], [60, 90, 200, 200])
        z = rng.normal(1.6 * y, 1.0)
        val = np.arange(150)
        calibration = fit_calibration(y[val], z[val], method, balanced=True)
        p = calibration.probabilities(z)
        spec = ModelSpec(
            architecture="attention_cnn",
            input_size=32,
            calibration=calibration,
            threshold=choose_threshold(y[val], p[val]).value,
            abstention=fit_abstention(y[val], p[val], NOTHING, alpha=alpha),
        )
        verdicts = np.array([decide(spec, value).verdict for value in p[150:].astype(float)])
        error_rates.append([(verdicts[:200] == "fake").mean(), (verdicts[200:] == "real").mean()])
        assert "cannot tell" in verdicts
    share, error = np.mean(error_rates, axis=0), np.std(error_rates, axis=0) / np.sqrt(len(error_rates))
    assert (share <= alpha + 3 * error).all()
    if method == "platt":  # isotonic makes ties, all of which are accepted
        assert (share >= alpha - 0.03).all()


def test_fit_abstention_ranges():
    luma = np.linspace(0, 200, 1001)
    table = NOTHING.reindex(range(1001)).assign(luma=luma, face_size=np.where(luma < 100, 42.7, 80.0))
    rules = fit_abstention(np.array([0, 1]), np.array([0.1, 0.9]), table, alpha=0.5)
    # 0.5 % and 99.5 %: 1 and 199, widened by 19.8 on both sides.
    assert rules.ranges["luma"] == pytest.approx((1 - 19.8, 199 + 19.8))
    assert rules.ranges["face_size"] == pytest.approx((42.7 - 3.73, 80 + 3.73))
    assert set(rules.ranges) == {"luma", "face_size"}
    assert rules.min_face == 42


def test_fit_abstention_reencode():
    rows = np.array([0, 1]), np.array([0.1, 0.9]), NOTHING
    shifts = np.array([[0.1, -0.4], [0.3, np.nan]])
    assert fit_abstention(*rows, shifts=shifts).reencode == pytest.approx(0.4)
    assert fit_abstention(*rows, shifts=np.full((2, 2), np.nan)).reencode is None


@pytest.mark.parametrize(
    ("y", "p", "alpha", "match"),
    [
        ([0, 1], [0.1, 0.9], 0.0, "abstention_alpha"),
        ([0, 1], [0.1, 0.9], 1.0, "abstention_alpha"),
        ([1, 1], [0.1, 0.9], 0.1, "one class"),
        ([0, 1], [0.1, np.nan], 0.1, "from 0 to 1"),
        ([0, 1], [-3.0, 4.0], 0.1, "from 0 to 1"),
    ],
)
def test_fit_abstention_invalid(y, p, alpha, match):
    with pytest.raises(InputError, match=match):
        fit_abstention(np.array(y), np.array(p), NOTHING, alpha=alpha)


def test_manifest_statistics_values(discs, tmp_path):
    frame = discs[1].head(3).copy()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    frame.loc[frame.index[1], "path"] = str(broken)
    statistics = manifest_statistics(frame, 32)
    assert statistics.index.equals(frame.index) and list(statistics.columns) == list(STATISTICS)
    assert statistics["face_size"].isna().all()
    assert statistics.iloc[1].isna().all()
    shrunk = cv2.resize(read_image(frame["path"].iloc[2]), (32, 32), interpolation=cv2.INTER_AREA)
    assert statistics.iloc[2, :3].to_dict() == pytest.approx(crop_statistics(shrunk))
    boxes = frame.assign(face_x0=[0.0, 5, np.nan], face_y0=[0.0, 5, 1], face_x1=[30.0, 25, 2], face_y1=[20.0, 55, 2])
    np.testing.assert_array_equal(face_sides(boxes), [30, 50, np.nan])
    np.testing.assert_array_equal(manifest_statistics(boxes, 32)["face_size"], [30, 50, np.nan])


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create_model("attention_cnn", width=4).eval()


def logit(network: torch.nn.Module, spec: ModelSpec, crop: np.ndarray) -> float:
    with torch.no_grad():
        return network(normalise(torch.from_numpy(crop[None]), spec.mean, spec.std)).item()


def test_reencoded_logits_of_pictures(network, portraits, tmp_path):
    """As a predictor would: the face is cut out of the re-encoded picture."""
    rows = []
    for index, (picture, _) in enumerate(portraits[:3]):
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture[..., ::-1])
        rows.append({"path": str(tmp_path / f"{index}.png"), "label": "real"})
    cut = extract_faces(pd.DataFrame(rows), tmp_path / "crops", CropConfig(size=64), workers=1, progress=False)
    faces = cut.manifest
    spec = ModelSpec(architecture="attention_cnn", input_size=32, crop=CropConfig(size=64))
    logits = reencoded_logits(network, spec, faces)
    for row, face, (picture, _) in zip(logits, faces_of(faces), portraits, strict=False):
        inputs = [network_input(picture, face, spec), *reencoded_inputs(picture, face, spec)]
        np.testing.assert_allclose(row, [logit(network, spec, crop) for crop in inputs], atol=1e-5)
    assert len(np.unique(logits)) == 9


def test_reencoded_logits_of_crops_alone(network, discs, tmp_path):
    frame = discs[1].head(4).copy()
    (tmp_path / "broken.png").write_bytes(b"no picture")
    frame.loc[frame.index[2], "path"] = str(tmp_path / "broken.png")
    spec = ModelSpec(architecture="attention_cnn", input_size=32, crop=CropConfig(size=48))
    logits = reencoded_logits(network, spec, frame)
    assert np.isnan(logits[2]).all() and np.isnan(logits[:, 2]).all() and np.isfinite(logits[[0, 1, 3], :2]).all()
    crop = read_image(frame["path"].iloc[1])
    versions = [cv2.resize(part, (32, 32), interpolation=cv2.INTER_AREA) for part in (crop, compressed(crop))]
    np.testing.assert_allclose(logits[1, :2], [logit(network, spec, part) for part in versions], atol=1e-5)
    # The frame of a video, and a picture that is gone.
    columns = {"face_keypoints": "1,1 2,2 3,3 4,4 5,5 6,6", "face_score": 0.9, "face_x0": 0, "face_y0": 0, "face_x1": 9}
    gone = frame.assign(original=str(tmp_path / "gone.png"), face_y1=9, frame_time=np.nan, **columns)
    np.testing.assert_array_equal(reencoded_logits(network, spec, gone), logits)
    of_video = gone.assign(original=frame["path"], frame_time=0.5)
    np.testing.assert_array_equal(reencoded_logits(network, spec, of_video), logits)


def test_risk_limits_by_hand():
    """19 genuine faces and 19 fakes, evenly spaced but for one genuine face among the highest."""
    real = np.append(np.arange(1, 19) / 100, 0.95)
    fake = np.append(np.arange(81, 99) / 100, 0.5)
    upper, lower = risk_limits(real, fake, 0.12)
    # Above 0.18 one of 19 genuine faces and all fakes: (1 + 1) / 20 = 0.1, and 0.1 / (0.1 + 1) < 0.12.
    # Above 0.17 two genuine faces: 0.15 / 1.15 > 0.12.
    assert upper == 0.18
    # Below 0.95 are all fakes but four; below 0.81 one fake and 18 of 19 genuine faces: 0.1 / (0.1 + 18 / 19) < 0.12.
    assert lower == 0.81
    assert risk_limits(real, fake, 0.04) == (1.0, 0.0)  # one error among 20 is 0.05 / 1.05 at the least
    assert risk_limits(fake, real, 0.12) == (1.0, 0.0)  # ranks the wrong way round
