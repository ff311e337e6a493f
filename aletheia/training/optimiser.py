"""Optimisers of the recipes, and the schedules of their learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from aletheia.training.config import TrainConfig


def build_optimizer(net: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Build the optimiser of a recipe for all parameters of a network.

    Neither biases nor batch-norm scales are decayed (He et al., "Bag of Tricks", CVPR 2019, section 3.1).
    """
    decayed = [p for p in net.parameters() if p.ndim > 1]
    not_decayed = [p for p in net.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": not_decayed, "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9, nesterov=True)
    # Lightning clips no gradients of a fused optimiser in mixed precision.
    fused = config.precision == "32-true"
    adam = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return adam(groups, lr=config.learning_rate, fused=fused)


def plateau(optimizer: torch.optim.Optimizer, config: TrainConfig) -> ReduceLROnPlateau:
    """Halve the learning rate after `config.plateau_patience` epochs without a lower validation loss."""
    return ReduceLROnPlateau(optimizer, factor=0.5, patience=config.plateau_patience)


def one_cycle(optimizer: torch.optim.Optimizer, steps: int) -> LambdaLR:
    """Warm up and cool down within so many steps, see `one_cycle_factor`."""
    return LambdaLR(optimizer, lambda step: one_cycle_factor(step, steps))


def one_cycle_factor(step: int, steps: int) -> float:
    """Return the factor of the learning rate: linear warm-up over a tenth of the steps, then a cosine to zero.

    Smith and Topin, "Super-Convergence", 2019; the cosine of Loshchilov and Hutter, "SGDR", ICLR 2017.
    """
    warm_up = max(1, steps // 10)
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    progress = min(1.0, (step - warm_up) / max(1, steps - warm_up))
    return 0.5 * (1 + math.cos(math.pi * progress))
