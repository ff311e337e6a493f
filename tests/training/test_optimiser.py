"""Optimisers and schedules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aletheia.training.config import TrainConfig
from aletheia.training.module import initialise
from aletheia.training.optimiser import build_optimizer, one_cycle, one_cycle_factor, plateau


@pytest.mark.parametrize(
    ("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)]
)
def test_build_optimizer_weight_decay_groups(name, kind):
    config = TrainConfig(optimizer=name, learning_rate=0.02, weight_decay=0.1)
    net = initialise(config, (1, 1)).net
    optimizer = build_optimizer(net, config)
    decayed, free = optimizer.param_groups
    assert type(optimizer) is kind and decayed["lr"] == free["lr"] == 0.02
    assert decayed["weight_decay"] == 0.1 and free["weight_decay"] == 0.0
    assert all(p.ndim > 1 for p in decayed["params"]) and all(p.ndim == 1 for p in free["params"])
    assert sum(p.numel() for g in (decayed, free) for p in g["params"]) == sum(p.numel() for p in net.parameters())


def test_one_cycle_factor_shape():
    factors = np.array([one_cycle_factor(step, 100) for step in range(101)])
    assert np.argmax(factors) == 10
    assert factors.max() == pytest.approx(1.0, abs=1e-3)
    assert (np.diff(factors[:11]) > 0).all() and (np.diff(factors[10:]) < 0).all()
    assert factors[0] > 0 and factors[100] == pytest.approx(0.0, abs=1e-6)
    # A single step is a legitimate training.
    assert 0 < one_cycle_factor(0, 1) <= 1


def rates(optimizer: torch.optim.Optimizer, steps) -> list[float]:
    """Return the learning rates before each step of a schedule."""
    found = []
    for step in steps:
        found.append(optimizer.param_groups[0]["lr"])
        step()
    return found


def test_one_cycle_of_an_optimizer():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = one_cycle(optimizer, 20)
    found = rates(optimizer, [lambda: (optimizer.step(), schedule.step())] * 20)
    assert found == pytest.approx([0.5 * one_cycle_factor(step, 20) for step in range(20)])


def test_plateau_halves():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = plateau(optimizer, TrainConfig(plateau_patience=1))
    losses = [1.0, 0.9, 0.95, 0.95, 0.95, 0.95]
    found = rates(optimizer, [lambda loss=loss: schedule.step(loss) for loss in losses])
    assert found == [0.5, 0.5, 0.5, 0.5, 0.25, 0.25] and optimizer.param_groups[0]["lr"] == 0.125
