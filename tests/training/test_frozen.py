"""The head alone, on features of a backbone that keeps its weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from aletheia.core.errors import InputError
from aletheia.datasets.labels import fake_flags
from aletheia.imaging.pixel_cache import decode_images
from aletheia.imaging.transforms import normalise
from aletheia.models import linear_head
from aletheia.models.bundle import load_bundle
from aletheia.models.feature_cache import clear_cache
from aletheia.models.linear_head import pooled_features
from aletheia.models.registry import create_model
from aletheia.models.scoring import crop_logits, score_manifest
from aletheia.models.spec import ModelSpec
from aletheia.training.config import TrainConfig
from aletheia.training.data import FaceData
from aletheia.training.export import export_bundle
from aletheia.training.fit import fit_network
from aletheia.training.frozen import fit_frozen
from aletheia.training.grid import search_cell
from aletheia.training.logistic import fit_logistic

RECIPE = {"features": "frozen", "image_size": 32, "num_threads": 1, "weight_decay": 0.01, "abstention_alpha": None}


@pytest.fixture(scope="module")
def discs(discs):
    """Fewer of them: 40 to learn from and 20 to validate."""
    train, val = discs
    return train[::3].reset_index(drop=True), val[::3].reset_index(drop=True)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A MobileNet with weights that know nothing, as a file; the smallest network with a backbone."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(create_model("mobilenet_v2").backbone.state_dict(), path)
    return {"architecture": "mobilenet_v2", "weights": str(path)}


def network(weights):
    return create_model(weights["architecture"], weights=weights["weights"])


def oracle(features, y, weights, ridge):
    """The same minimum by scikit-learn; its penalty is summed over rows, ours is a mean."""
    scaler = StandardScaler().fit(features, sample_weight=weights)
    model = LogisticRegression(C=1 / (weights.sum() * ridge), solver="lbfgs", tol=1e-10, max_iter=5000)
    return model.fit(scaler.transform(features), y, sample_weight=weights), scaler


def test_fit_logistic_is_sklearns():
    rng = np.random.default_rng(0)
    y, weights = rng.integers(0, 2, 80), rng.uniform(0.2, 3, 80)
    features = np.c_[
        rng.normal(y[:, None] * [2, 0, 1], [1, 20, 0.01], (80, 3)), np.full(80, 8.0)
    ]  # the last says nothing
    coefficients, intercept = fit_logistic(features, y, weights, 0.03)
    model, scaler = oracle(features, y, weights, 0.03)
    np.testing.assert_allclose(
        features @ coefficients + intercept, model.decision_function(scaler.transform(features)), atol=1e-5
    )
    assert coefficients[3] == 0


def test_frozen_head_is_sklearns_on_live_features(discs, weights, computed):
    """The trained network's own logits are those of scikit-learn on what its backbone gives for the pixels."""
    train, val = discs
    config = TrainConfig(**RECIPE, **weights)
    data = FaceData(config, train, val, progress=False)
    data.setup()
    result = fit_frozen(config, data, None, progress=False)
    assert computed == [len(train), len(val)]
    net = network(weights).eval()
    live = pooled_features(net, linear_head.linear_head(net, ""), decode_images(train["path"], 32).array)
    y = fake_flags(train).astype(int)
    model, scaler = oracle(live, y, len(y) / (2 * np.bincount(y))[y], 0.01)
    images = decode_images(val["path"], 32).array
    features = pooled_features(net, linear_head.linear_head(net, ""), images)
    expected = model.decision_function(scaler.transform(features))
    np.testing.assert_allclose(result.val_logits, expected, rtol=2e-3, atol=2e-3)
    with torch.inference_mode():
        logits = result.model(normalise(torch.from_numpy(np.array(images)))).numpy()
    np.testing.assert_allclose(logits, result.val_logits, atol=1e-4)


def test_frozen_refuses_a_gpu_that_is_not_there(discs, weights, computed, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    config = TrainConfig(**RECIPE, **weights, accelerator="gpu")
    with pytest.raises(InputError, match="accelerator is gpu, but no GPU is found"):
        fit_frozen(config, FaceData(config, *discs, progress=False), None, progress=False)
    assert not computed


def test_faces_that_were_learnt_from_are_scored_by_their_features(discs, weights, computed):
    """Whoever scores with a frozen network finds what the training has computed, and gets the network's own logits."""
    train, val = discs
    config = TrainConfig(**RECIPE, **weights)
    model = fit_network(config, train, val, progress=False).model
    spec = ModelSpec(architecture=config.architecture, input_size=32, training={"features": "frozen"})
    plain = score_manifest(model, spec.model_copy(update={"training": {}}), val, progress=False).logits
    assert computed == [len(train), len(val)]
    scored = score_manifest(model, spec, pd.concat([train, val]), progress=False).logits
    np.testing.assert_allclose(scored[len(train) :], plain, atol=1e-5)
    assert computed == [len(train), len(val)]

    # Normalised otherwise, the same pixels have other features.
    other = score_manifest(model, spec.model_copy(update={"mean": (0.5, 0.5, 0.5)}), val, progress=False).logits
    assert np.abs(other - plain).max() > 1e-3 and computed == [len(train), len(val)]


def test_grid_of_frozen_features(discs, weights, computed, tmp_path, monkeypatch):
    """Every cell reads the same features; without the cache the losses are the same."""
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path))
    ridges = (1e-3, 1e-2, 1e-1)
    cells = [TrainConfig(**{**RECIPE, **weights, "weight_decay": ridge, "max_epochs": 3}) for ridge in ridges]
    results = [search_cell(cell, cells, *discs, "halving") for cell in cells]
    assert computed == [40, 20] and [result.epochs for result in results] == [1, 1, 1]
    losses = [result.loss for result in results]
    assert len(set(losses)) == 3
    alone = []
    for cell in cells:
        clear_cache()
        alone.append(fit_network(cell, *discs, progress=False).val_loss)
    np.testing.assert_allclose(losses, alone, rtol=1e-6)


@pytest.mark.slow
def test_frozen_views_and_groups(discs, weights, computed):
    """Augmented copies are learnt from and cached; weights of groups reach the head."""
    train, val = discs
    plain = fit_network({**RECIPE, **weights}, train, val, progress=False)
    viewed = {**RECIPE, **weights, "augmentation": "strong", "feature_views": 2}
    first = fit_network(viewed, train, val, progress=False)
    n_computed = len(computed)
    second = fit_network({**viewed, "weight_decay": 0.02}, train, val, progress=False)
    assert computed == [40, 20, 40, 40] and len(computed) == n_computed
    skewed = train.assign(gender=np.where(fake_flags(train) & (np.arange(40) % 4 > 0), "f", train["gender"]))
    weighed = fit_network({**RECIPE, **weights, "group_weights": "gender"}, skewed, val, progress=False)
    logits = [r.val_logits for r in (plain, first, second, weighed)]
    assert all(np.abs(logits[0] - other).max() > 1e-3 for other in logits[1:])


def test_frozen_bundle_serves(discs, weights, computed, tmp_path):
    """The bundle is one network, backbone and head."""
    result = fit_network({**RECIPE, **weights}, *discs, progress=False)
    export_bundle(result, *discs, folder=tmp_path)
    model, spec = load_bundle(tmp_path)
    logits = crop_logits(model, spec, decode_images(discs[1]["path"], 32).array)
    np.testing.assert_allclose(logits, result.val_logits, atol=1e-4)
    assert spec.onnx is not None and spec.training["features"] == "frozen"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "none"}, "features: frozen needs weights"),
        ({"fault": "wrong_loss"}, "no steps that wrong_loss could break"),
        ({"weight_decay": 0}, "weight_decay: features=frozen needs more than 0"),
        ({"features": "learnt", "feature_views": 1}, "only features=frozen has views"),
    ],
)
def test_frozen_refused(changes, message):
    with pytest.raises(InputError, match=message):
        TrainConfig(**{**RECIPE, "architecture": "mobilenet_v2", "weights": "package", **changes})
