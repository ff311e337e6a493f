"""From a finished training to a bundle."""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from aletheia.core.errors import InputError
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.manifest import manifest_hash
from aletheia.datasets.sealed import sealed_hashes
from aletheia.models.bundle import load_bundle
from aletheia.models.onnx_network import ENGINES, OnnxNetwork
from aletheia.models.scoring import predict_manifest
from aletheia.models.spec import ModelSpec, read_spec
from aletheia.models.training_profile import read_profile
from aletheia.models.typical_faces import face_features, read_typical
from aletheia.models.verdict import decide
from aletheia.training.abstention import fit_typical_faces, manifest_distances, manifest_statistics
from aletheia.training.config import TrainConfig
from aletheia.training.export import crop_of, describe_rows, export_bundle
from aletheia.training.fit import fit_network
from aletheia.training.fit_result import FitResult


@pytest.fixture(scope="module")
def trained(discs):
    config = {"image_size": 48, "options": {"width": 8}, "max_epochs": 3, "batch_size": 16}
    return fit_network(config, *discs, progress=False)


def with_changes(trained: FitResult, **changes) -> FitResult:
    """The same training, to be exported with another configuration."""
    return dataclasses.replace(trained, config=TrainConfig.parse(trained.config, **changes))


def test_export_bundle_scores(trained, discs, tmp_path):
    sealed = discs[1].iloc[:3]
    folder, spec = export_bundle(trained, *discs, folder=tmp_path / "model", run="uid-1", sealed=sealed)
    assert read_profile(folder, spec.profile).sealed == sealed_hashes(sealed)
    model, loaded = load_bundle(folder)
    assert loaded == spec
    assert (spec.run, spec.architecture, spec.options) == ("uid-1", "attention_cnn", {"width": 8})
    assert (spec.input_size, spec.crop.size, spec.training["batch_size"]) == (48, 48, 16)
    p = predict_manifest(model, spec, discs[1], progress=False)
    fitted = spec.calibration
    expected = 1 / (1 + np.exp(-(fitted.scale * trained.val_logits.astype(float) + fitted.shift)))
    np.testing.assert_allclose(p, expected, atol=1e-5)
    fake = trained.val_labels == 1
    called = expected >= spec.threshold
    assert spec.metrics["val_fpr"] == pytest.approx(called[~fake].mean())
    assert spec.metrics["val_fnr"] == pytest.approx(1 - called[fake].mean())
    assert spec.metrics["val_loss"] == trained.val_loss
    assert spec.metrics["val_majority_share"] == pytest.approx(max(fake.mean(), 1 - fake.mean()))
    assert (spec.metrics["val_rows"], spec.metrics["train_rows"]) == (60, 120)


def test_fit_typical_faces_says_why_there_is_none(trained, discs, tmp_path):
    network, spec = trained.model, ModelSpec(architecture="attention_cnn", input_size=48)
    reason = fit_typical_faces(network, spec, discs[0], discs[1].head(18), tmp_path)
    assert "19 validation faces or more, and there were 18" in reason and not list(tmp_path.iterdir())
    few = fit_typical_faces(network, spec, discs[0], discs[1].head(19), tmp_path)
    k = len(np.unique(connected_groups(discs[1].head(19))))
    assert few.faces == 19 and few.level == pytest.approx((k / 20 + 1) / (k + 1))


def test_export_bundle_typical_faces(trained, discs, tmp_path):
    folder, spec = export_bundle(trained, *discs, folder=tmp_path / "model")
    rules = spec.abstention.typical
    typical, (model, _) = read_typical(folder, rules), load_bundle(folder)
    assert spec.files()[1] == "typical.safetensors" and rules.faces == 60
    distances = manifest_distances(model, spec, discs[1], typical)
    # 60 validation faces of as many groups: 58 of them are less than 0.98, 59 are more.
    assert rules.limit == pytest.approx(np.sort(distances)[58], rel=1e-9)
    crops = np.stack([cv2.imread(path)[..., ::-1] for path in discs[1]["path"][:4]])
    for engine in ENGINES:
        logits, features = OnnxNetwork(folder, spec, engine=engine).evaluate(crops)
        np.testing.assert_allclose(logits, trained.val_logits[:4], atol=1e-4)
        np.testing.assert_allclose(typical.distances(face_features(crops, features)), distances[:4], rtol=1e-3)
    stripes = np.zeros((1, 48, 48, 3), np.uint8)
    stripes[:, ::2, :, 0] = 255
    (far,) = typical.distances(face_features(stripes, OnnxNetwork(folder, spec).evaluate(stripes)[1]))
    assert far > 2 * rules.limit
    assert decide(spec, 0.0, statistics={"distance": far}).cause == "another kind"
    two = discs[1].head(2).assign(path=["none.png", discs[1]["path"].iloc[0]])
    unread = manifest_distances(model, spec, two, typical)
    assert np.isnan(unread[0]) and unread[1] == pytest.approx(distances[0])


def test_export_bundle_data_hash(trained, discs, tmp_path):
    _, spec = export_bundle(trained, *discs, folder=tmp_path / "a")
    _, other = export_bundle(trained, discs[0].iloc[1:], discs[1], folder=tmp_path / "b")
    assert spec.data_hash == manifest_hash(pd.concat(discs, ignore_index=True))
    assert other.data_hash != spec.data_hash


def test_export_bundle_max_fpr(trained, discs, tmp_path):
    _, spec = export_bundle(with_changes(trained, max_fpr=0.0, calibration="temperature"), *discs, folder=tmp_path)
    assert spec.metrics["val_fpr"] == 0.0
    assert "at most 0" in spec.threshold_how
    assert spec.calibration.method == "temperature" and spec.calibration.shift == 0


def test_export_bundle_isotonic(trained, discs, tmp_path):
    from sklearn.isotonic import IsotonicRegression

    folder, spec = export_bundle(with_changes(trained, calibration="isotonic"), *discs, folder=tmp_path)
    y, n = trained.val_labels, np.bincount(trained.val_labels.astype(int))
    fitted = IsotonicRegression().fit(trained.val_logits.astype(float), y, sample_weight=1 / n[y.astype(int)])
    low, high = 1 / (n[0] + 2), (n[1] + 1) / (n[1] + 2)
    p = predict_manifest(load_bundle(folder)[0], spec, discs[1], progress=False)
    np.testing.assert_allclose(p, low + (high - low) * fitted.predict(trained.val_logits.astype(float)), atol=1e-3)
    assert spec.training["calibration"] == "isotonic"
    assert read_spec(folder) == spec
    assert spec.onnx.max_difference < 1e-4


def test_export_bundle_abstention(trained, discs, tmp_path):
    train = discs[0].assign(face_x0=10.0, face_y0=20.0, face_x1=np.linspace(51.5, 90, 120), face_y1=30.0)
    _, spec = export_bundle(with_changes(trained, abstention_alpha=0.2), train, discs[1], folder=tmp_path)
    rules, fake = spec.abstention, trained.val_labels == 1
    p = spec.calibration.probabilities(trained.val_logits).astype(float)
    reals, fakes = np.sort(p[~fake]), np.sort(p[fake])[::-1]
    assert rules.alpha == 0.2
    assert rules.real_upper == reals[math.ceil(0.8 * (len(reals) + 1)) - 1]
    assert rules.fake_lower == fakes[math.ceil(0.8 * (len(fakes) + 1)) - 1]
    assert rules.min_face == 41 and 0 < rules.reencode < 100
    luma = manifest_statistics(train, 48)["luma"]
    margin = np.diff(luma.quantile([0.005, 0.995])).item() / 10
    assert rules.ranges["luma"] == pytest.approx((luma.quantile(0.005) - margin, luma.quantile(0.995) + margin))
    assert set(rules.ranges) == {"luma", "contrast", "sharpness", "face_size"}
    # Of five genuine validation faces one at most is called fake.
    verdicts = [decide(spec, value).verdict for value in p[~fake]]
    assert verdicts.count("fake") <= 0.2 * len(verdicts)


def test_export_bundle_without_abstention(trained, discs, tmp_path):
    _, spec = export_bundle(with_changes(trained, abstention_alpha=None), *discs, folder=tmp_path)
    assert spec.abstention is None


def test_crop_of_manifest(discs):
    frame = discs[0].assign(crop_size=96, crop_policy="aligned", crop_margin=0.3)
    crop = crop_of(frame, 48)
    assert (crop.size, crop.policy, crop.margin) == (96, "aligned", 0.3)
    assert (crop_of(discs[0], 48).size, crop_of(discs[0], 48).policy) == (48, "scale")
    assert (crop.detector, crop.threshold) == ("blazeface", 0.75)  # of a manifest that does not say
    detected = frame.assign(crop_detector="other", crop_threshold=0.9)
    assert (crop_of(detected, 48).detector, crop_of(detected, 48).threshold) == ("other", 0.9)
    frame.loc[0, "crop_policy"] = "tight"
    with pytest.raises(InputError, match=r"crop_policy.*2 ways"):
        crop_of(frame, 48)


def test_export_bundle_weights(trained, discs, tmp_path):
    model, _ = load_bundle(export_bundle(trained, *discs, folder=tmp_path)[0])
    for key, value in trained.model.state_dict().items():
        assert torch.equal(model.state_dict()[key], value)


def test_describe_rows_summary():
    frame = pd.DataFrame(
        {
            "label": ["real"] * 3 + ["fake"] * 1200,
            "source": ["b", "a", ""] + ["x"] * 1200,
            "generator": [""] * 3 + [f"g{i % 10}" for i in range(1200)],
        }
    )
    assert describe_rows(frame) == (
        "1,203 faces: 3 real from a, b; 1,200 fake by g0, g1, g2, g3, g4, g5, g6, g7 and 2 more"
    )
    assert describe_rows(frame[["label"]].iloc[:4]) == "4 faces: 3 real; 1 fake"
