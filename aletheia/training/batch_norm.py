"""Batch-norm statistics measured on training data, in place of the running averages of a short training."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def has_batch_norm(model: nn.Module, frozen: Collection[nn.Module] = ()) -> bool:
    """Return whether any layer, apart from those within `frozen`, keeps batch-norm statistics."""
    return bool(_layers(model, frozen))


def _layers(model: nn.Module, frozen: Collection[nn.Module]) -> list[_BatchNorm]:
    kept = {layer for module in frozen for layer in module.modules()}
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats and m not in kept]


@torch.no_grad()
def measure_batch_norm(model: nn.Module, batches: Iterable[torch.Tensor], frozen: Collection[nn.Module] = ()) -> None:
    """Replace running means and variances by their averages over `batches`, in place.

    The exponential averages lag behind the weights, by much when an epoch has few steps ("PreciseBN": Wu and
    Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3). All other layers run as in evaluation:
    dropout would change the statistics.

    Parameters
    ----------
    model : nn.Module
        Left in the mode (training or evaluation) in which it came.
    batches : iterable of Tensor
        Network inputs (B, 3, H, W) of equal B.
    frozen : collection of nn.Module
        Parts of `model` whose statistics stay.
    """
    layers = _layers(model, frozen)
    modes = {m: m.training for m in model.modules()}
    momenta = [layer.momentum for layer in layers]
    try:
        model.eval()
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # the plain average over all batches
            layer.train()
        for batch in batches:
            model(batch)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for module, mode in modes.items():
            module.training = mode
