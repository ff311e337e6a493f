"""Loss and class weights."""

from __future__ import annotations

import math
import types

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from aletheia.core.errors import InputError
from aletheia.models.network import backbone_stages
from aletheia.training.config import TrainConfig
from aletheia.training.data import FaceData
from aletheia.training.epoch_metrics import mean_loss
from aletheia.training.fit import fit_network
from aletheia.training.module import Detector, initialise


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    y = (rng.random(200) < 0.8).astype(np.float32)
    return y, rng.normal(size=200)


def test_mean_loss_equals_scikit_learn(scored):
    y, z = scored
    p = 1 / (1 + np.exp(-z))
    assert mean_loss(y, z, balanced=False) == pytest.approx(log_loss(y, p), rel=1e-9)
    weight = np.where(y == 1, 0.5 / (y == 1).sum(), 0.5 / (y == 0).sum())
    assert mean_loss(y, z, balanced=True) == pytest.approx(log_loss(y, p, sample_weight=weight), rel=1e-9)


def test_mean_loss_balanced_ignores_majority():
    y = np.array([1.0] * 99 + [0.0])
    z = np.full(100, 5.0)  # "fake" for every row
    assert mean_loss(y, z, balanced=False) < 0.1
    assert mean_loss(y, z, balanced=True) > 2.5


def test_mean_loss_extreme_logits():
    assert mean_loss(np.array([0.0, 1.0]), np.array([1e4, 1e4]), balanced=False) == 5000.0
    assert math.isnan(mean_loss(np.array([0.0, 1.0]), np.array([np.nan, 0.0]), balanced=False))


def test_detector_class_weights():
    counts = (30, 90)
    weights = initialise(TrainConfig(), counts).class_weights
    assert (weights[0] * 30).item() == pytest.approx((weights[1] * 90).item())
    assert (weights[0] * 30 + weights[1] * 90).item() == pytest.approx(120)
    assert initialise(TrainConfig(class_weight="none"), counts).class_weights.tolist() == [1, 1]


def test_training_step_weighs_rows(discs, monkeypatch):
    """The loss of a batch is scikit-learn's with the weights of its rows, which come with the batch."""
    skewed = discs[0].assign(gender=np.where(np.arange(120) % 3 == 0, "f", discs[0]["gender"]))
    data = FaceData(TrainConfig(image_size=48, group_weights="gender"), skewed, discs[1])
    data.setup()
    pixels, labels, weights = next(iter(data.train_dataloader()))
    assert len(set(weights.tolist())) == 4  # two groups of two labels
    detector = initialise(TrainConfig(class_weight="none", augmentation="none"), (1, 1)).eval()
    monkeypatch.setattr(type(detector), "trainer", types.SimpleNamespace(world_size=1), raising=False)
    p = torch.sigmoid(detector(pixels)).detach().double()
    expected = log_loss(labels, p, sample_weight=weights) * weights.mean().item()
    step = detector.training_step((pixels, labels, weights), 0)
    assert step.item() == pytest.approx(expected, rel=1e-4)


def test_initialise_depends_on_seed_alone():
    torch.manual_seed(1)
    first = initialise(TrainConfig(seed=7), (1, 1))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = initialise(TrainConfig(seed=7), (1, 1))
    third = initialise(TrainConfig(seed=8), (1, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.net.head.weight, second.net.head.weight)
    assert not torch.equal(first.net.head.weight, third.net.head.weight)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_detector_loss_with_label_smoothing(smoothing):
    detector = initialise(TrainConfig(label_smoothing=smoothing), (30, 90))
    logits, labels = torch.randn(16), torch.tensor([0.0, 1.0] * 8)
    weights = torch.where(labels == 1, 120 / 180, 120 / 60)
    smooth = torch.where(labels == 1, 1 - smoothing, smoothing)
    p = torch.sigmoid(logits)
    expected = -(weights * (smooth * p.log() + (1 - smooth) * (1 - p).log())).mean()
    assert detector.loss(logits, labels).item() == pytest.approx(expected.item(), rel=1e-5)


MOBILENET = {"architecture": "mobilenet_v2", "options": {}, "image_size": 32, "batch_size": 60, "batch_norm_images": 60}


def last_weights(discs, folder, **changes) -> tuple[dict[str, torch.Tensor], Detector]:
    """Return the weights after the last epoch, which need not be the best, and a detector with those of the start."""
    recipe = TrainConfig(**MOBILENET, max_epochs=1, patience=9, **changes)
    fit_network(recipe, *discs, folder, progress=False)
    state = torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]
    return {name.removeprefix("net."): value for name, value in state.items()}, initialise(recipe, (1, 1))


@pytest.mark.parametrize("wanted", [0, 2])
def test_trainable_stages_trains_the_last_ones_alone(discs, tmp_path, wanted):
    """Weights and batch-norm statistics of the stages before stay; head and last stages move, statistics included."""
    trained, start = last_weights(discs, tmp_path, trainable_stages=wanted)
    before, stages = start.net.state_dict(), backbone_stages(start.net)
    frozen = {id(m) for stage in stages[: len(stages) - wanted] for part in stage for m in part.modules()}
    kept = {name for name, module in start.net.named_modules() if id(module) in frozen}
    changed = {name for name, value in before.items() if not torch.equal(trained[name], value)}
    assert not {name for name in changed if name.rpartition(".")[0] in kept}
    learnt = {name for name, _ in start.net.named_parameters() if name.rpartition(".")[0] not in kept}
    assert changed >= learnt, "every weight of head and last stages moved"
    statistics = {name for name in before if name.endswith("running_mean") and name.rpartition(".")[0] not in kept}
    assert changed >= statistics and bool(statistics) == bool(wanted)


def test_trainable_stages_counts_gradients(discs):
    detector = initialise(TrainConfig(**MOBILENET, trainable_stages=1), (1, 1))
    detector.train()
    detector._trainer = types.SimpleNamespace(current_epoch=0)
    detector.on_train_epoch_start()
    detector.net(torch.randn(2, 3, 32, 32)).sum().backward()
    assert sum(p.numel() for p in detector.net.parameters() if p.grad is not None) == 887_361
    norms = [m for m in detector.net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert 0 < sum(norm.training for norm in norms) < len(norms)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "attention_cnn", "trainable_stages": 1}, "attention_cnn has no backbone"),
        ({"architecture": "mobilenet_v2", "trainable_stages": 9}, "mobilenet_v2 has 8 stages, not 9"),
        (
            {"architecture": "efficientnet_lite0", "weights": "package", "features": "frozen", "trainable_stages": 1},
            "out",
        ),
    ],
)
def test_trainable_stages_that_do_not_fit(changes, message):
    with pytest.raises(InputError, match=message):
        initialise(TrainConfig(**changes), (1, 1))
