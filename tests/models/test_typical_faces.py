from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
import torch
from safetensors.numpy import save

from aletheia.core.errors import InputError
from aletheia.models.model_files import TYPICAL
from aletheia.models.network import channel_means, with_features
from aletheia.models.registry import create_model
from aletheia.models.spec import TypicalSpec
from aletheia.models.typical_faces import (
    conformal_distance,
    face_features,
    fit_typical,
    read_typical,
    write_typical,
)


def rules(payload: bytes, features: int = 5) -> TypicalSpec:
    return TypicalSpec(sha256=hashlib.sha256(payload).hexdigest(), features=features, limit=1.0, level=0.02, faces=100)


def test_fit_typical_distance_is_mahalanobis() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(5000, 5)) @ rng.normal(size=(5, 5)) + 100
    typical = fit_typical(features)
    correlation = np.corrcoef(features.T) + 0.01 * np.eye(5)  # the ridge
    z = (features - features.mean(axis=0)) / features.std(axis=0)
    expected = np.sqrt(np.einsum("ij,jk,ik->i", z, np.linalg.inv(correlation), z) / 5)
    np.testing.assert_allclose(typical.distances(features), expected, rtol=1e-3)
    assert np.mean(expected**2) == pytest.approx(1, abs=0.15)


def test_fit_typical_constant_feature_is_finite() -> None:
    features = np.tile([1.0, 2.0, 3.0], (20, 1))
    assert np.isfinite(fit_typical(features).distances(features + 1)).all()


@pytest.mark.parametrize("people", [6, 24, 60])
def test_conformal_distance_keeps_its_promise_to_new_people(people: int) -> None:
    """Faces of a person lie alike far out, and people have unequally many."""
    rng, beyond = np.random.default_rng(people), []
    for _ in range(600):
        groups = np.repeat(np.arange(people), rng.integers(5, 40, people))
        distances = rng.normal(0, 0.8, people)[groups] + rng.normal(0, 0.6, len(groups))
        limit, promised = conformal_distance(distances, groups, 0.02)
        new = rng.normal(0, 0.8, 200) + rng.normal(0, 0.6, 200)
        beyond.append((new > limit).mean())
    assert promised == pytest.approx((0.02 * people + 1) / (people + 1))
    assert 0.02 < np.mean(beyond) <= promised


def test_conformal_distance_people_weigh_the_same() -> None:
    """Of two people one has ninety pictures far out: among rows they are nine tenths, among people one half."""
    distances, groups = np.array([1.0] * 10 + [5.0] * 90), np.array([0] * 10 + [1] * 90)
    assert conformal_distance(distances, groups, 0.5)[0] == 1.0
    assert conformal_distance(distances, np.arange(100), 0.5)[0] == 5.0
    assert conformal_distance(np.append(distances, np.nan), np.append(groups, 2), 0.5)[1] == pytest.approx(2 / 3)


def test_conformal_distance_of_too_few_faces() -> None:
    assert conformal_distance(np.arange(18.0), np.arange(18), 0.02) == (np.inf, 1.0)
    # The farthest of 19 is exceeded by one in 20; 60 faces are enough for 2 %.
    limit, promised = conformal_distance(np.arange(19.0), np.arange(19), 0.02)
    assert limit == 18.0 and promised == pytest.approx((19 / 20 + 1) / 20)
    assert conformal_distance(np.arange(49.0), np.arange(49), 0.02)[0] == 48.0
    assert conformal_distance(np.arange(60.0), np.arange(60), 0.02)[0] == 58.0


def test_face_features_tells_sharp_from_smooth_and_grey_from_coloured() -> None:
    rng = np.random.default_rng(2)
    sharp = rng.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    smooth = cv2.GaussianBlur(sharp[0], (0, 0), 3)[None]
    grey = np.repeat(sharp[..., :1], 3, axis=3)
    of_network = np.zeros((1, 4))
    values = [face_features(crop, of_network)[0] for crop in (sharp, smooth, grey)]
    assert {len(value) for value in values} == {len(values[0])}
    bands = [value[4:-6] for value in values]
    assert bands[0][-1] > bands[1][-1] + 10  # decibels at the highest frequencies
    means, deviations = values[2][-6:-3], values[2][-3:]
    np.testing.assert_allclose(means[1:], 128, atol=1)
    np.testing.assert_allclose(deviations[1:], 0, atol=0.5)
    ycc = cv2.cvtColor(sharp[0], cv2.COLOR_RGB2YCrCb).reshape(-1, 3)
    np.testing.assert_allclose(values[0][-6:], [*ycc.mean(axis=0), *ycc.std(axis=0)], rtol=1e-6)
    blank = face_features(np.zeros((1, 64, 64, 3), np.uint8), of_network)
    assert np.isfinite(blank).all()


@pytest.mark.parametrize("name", ["attention_cnn", "efficientnet_b0"])
def test_with_features_pools_the_last_map(name: str) -> None:
    network = create_model(name).eval()
    images = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        logits, _, features = with_features(network, images)
        torch.testing.assert_close(logits, network(images))
    assert features is not None and features.shape[0] == 3 and features.shape[1] <= 128
    if name == "attention_cnn":  # its head reads these very features
        torch.testing.assert_close(network.head(features).squeeze(1), logits)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_channel_means_counts_each_channel_once() -> None:
    merge = channel_means(200)
    assert (merge > 0).sum(dim=1).eq(1).all()
    torch.testing.assert_close(merge.sum(dim=0), torch.ones(64))


def test_read_typical_round_trip(tmp_path) -> None:
    typical = fit_typical(np.random.default_rng(3).normal(size=(50, 5)))
    payload = write_typical(tmp_path, typical)
    read = read_typical(tmp_path / "model.json", rules(payload))
    for name in ("mean", "scale", "whitening"):
        np.testing.assert_array_equal(getattr(read, name), getattr(typical, name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": np.zeros(4, np.float32)}, "shapes"),
        ({"mean": np.zeros(5, np.float64)}, "finite numbers"),
        ({"mean": np.full(5, np.nan, np.float32)}, "finite numbers"),
        ({"scale": np.zeros(5, np.float32)}, "scale"),
        ({"more": np.zeros(5, np.float32)}, "shapes"),
        (b"\xff" * 200, "no intact safetensors"),
        (b"\0" * 10_000_000, "bytes"),
    ],
)
def test_read_typical_refuses(tmp_path, change, message: str) -> None:
    parts = vars(fit_typical(np.random.default_rng(4).normal(size=(50, 5))))
    payload = change if isinstance(change, bytes) else save({**parts, **change})
    (tmp_path / TYPICAL).write_bytes(payload)
    with pytest.raises(InputError, match=message):
        read_typical(tmp_path, rules(payload))


def test_read_typical_refuses_another_file(tmp_path) -> None:
    payload = write_typical(tmp_path, fit_typical(np.random.default_rng(5).normal(size=(50, 5))))
    with pytest.raises(InputError, match="SHA-256"):
        read_typical(tmp_path, rules(payload + b"x"))
    (tmp_path / TYPICAL).unlink()
    with pytest.raises(InputError, match=TYPICAL.replace(".", r"\.")):
        read_typical(tmp_path, rules(payload))
