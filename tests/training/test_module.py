"""Loss, schedule and class weights."""

from __future__ import annotations

import math
import types

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from aletheia.training.config import TrainConfig
from aletheia.training.data import FaceData
from aletheia.training.epoch_metrics import mean_loss
from aletheia.training.module import initialise, one_cycle


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


def test_one_cycle_shape():
    factors = np.array([one_cycle(step, 100) for step in range(101)])
    assert np.argmax(factors) == 10
    assert factors.max() == pytest.approx(1.0, abs=1e-3)
    assert (np.diff(factors[:11]) > 0).all() and (np.diff(factors[10:]) < 0).all()
    assert factors[0] > 0 and factors[100] == pytest.approx(0.0, abs=1e-6)
    # A single step is a legitimate training.
    assert 0 < one_cycle(0, 1) <= 1


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


def test_configure_optimizers_weight_decay_groups(discs):
    detector = initialise(TrainConfig(schedule="constant", weight_decay=0.1), (1, 1))
    decayed, free = detector.configure_optimizers()["optimizer"].param_groups
    assert decayed["weight_decay"] == 0.1 and free["weight_decay"] == 0.0
    assert all(p.ndim > 1 for p in decayed["params"]) and all(p.ndim == 1 for p in free["params"])
    assert sum(p.numel() for g in (decayed, free) for p in g["params"]) == sum(
        p.numel() for p in detector.net.parameters()
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_detector_loss_with_label_smoothing(smoothing):
    detector = initialise(TrainConfig(label_smoothing=smoothing), (30, 90))
    logits, labels = torch.randn(16), torch.tensor([0.0, 1.0] * 8)
    weights = torch.where(labels == 1, 120 / 180, 120 / 60)
    smooth = torch.where(labels == 1, 1 - smoothing, smoothing)
    p = torch.sigmoid(logits)
    expected = -(weights * (smooth * p.log() + (1 - smooth) * (1 - p).log())).mean()
    assert detector.loss(logits, labels).item() == pytest.approx(expected.item(), rel=1e-5)
