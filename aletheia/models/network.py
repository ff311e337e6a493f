"""The contract between a network and the rest of the package.

A network is any `torch.nn.Module` that maps normalised images (B, 3, H, W) to logits (B,), positive meaning fake. The
following are used where a network has them:

- ``forward(images, return_attention=True)`` returns ``(logits, attention)``, where attention is (B, 1, h, w) in [0, 1],
  or None for a network without an attention map;
- ``backbone``, the module that pretrained weights are loaded into and that ``freeze_epochs`` freezes;
- ``imagenet_url``, the address of its ImageNet weights;
- ``last_map()``, a `LastMap` for Grad-CAM.
"""

from __future__ import annotations

import inspect
from typing import NamedTuple

import torch
from torch import nn


class LastMap(NamedTuple):
    """The last feature map of a network, and the share of each of its channels in the logit.

    Attributes
    ----------
    module : nn.Module
        The module that returns the map or takes it as its input.
    is_output : bool
        Whether the map is the output of `module`, not its input.
    weights : Tensor
        (channels,) sums of the logit's derivatives over all positions.
    """

    module: nn.Module
    is_output: bool
    weights: torch.Tensor


def last_map(net: nn.Module) -> LastMap | None:
    """Return the last feature map of a network; None for one that does not declare it."""
    declared = getattr(net, "last_map", None)
    return declared() if callable(declared) else None


def with_attention(net: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return logits (B,) and attention map (B, 1, h, w) of images (B, 3, H, W); None for a network without a map."""
    if "return_attention" in inspect.signature(net.forward).parameters:
        logits, attention = net(images, return_attention=True)
        return logits, attention
    return net(images), None
