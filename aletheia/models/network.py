"""The contract between a network and the rest of the package.

A network is any `torch.nn.Module` that maps normalised images (B, 3, H, W) to logits (B,), positive meaning fake. The
following are used where a network has them:

- ``forward(images, return_attention=True)`` returns ``(logits, attention)``, where attention is (B, 1, h, w) in [0, 1],
  or None for a network without an attention map;
- ``backbone``, the module that pretrained weights are loaded into and that ``freeze_epochs`` freezes;
- ``stages()``, the modules of the backbone in the order of the forward pass, one list for each stage (the stem, then
  blocks of one width), for ``trainable_stages``;
- ``imagenet_url``, the address of its ImageNet weights;
- ``last_map()``, a `LastMap` for Grad-CAM.
"""

from __future__ import annotations

import inspect
from typing import NamedTuple

import torch
from torch import nn

_CHANNELS = 64  # most features of each kind


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


def backbone_stages(net: nn.Module) -> list[list[nn.Module]]:
    """Return the stages of a network's backbone, the stem first; none for a network that does not declare them."""
    declared = getattr(net, "stages", None)
    return declared() if callable(declared) else []


def last_map(net: nn.Module) -> LastMap | None:
    """Return the last feature map of a network; None for one that does not declare it."""
    declared = getattr(net, "last_map", None)
    return declared() if callable(declared) else None


def with_features(
    net: nn.Module, images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """Return logits (B,), attention map (B, 1, h, w) or None, and features (B, features) or None of images.

    The features are mean and maximum over all positions of each channel of the last feature map; of more than 64
    channels, means of neighbours make 64. None for a network that does not declare its last map.
    """
    declared, maps = last_map(net), list[torch.Tensor]()
    if declared is None:
        return (*with_attention(net, images), None)
    if declared.is_output:
        handle = declared.module.register_forward_hook(lambda _, __, output: maps.append(output))
    else:
        handle = declared.module.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0]))
    try:
        logits, attention = with_attention(net, images)
    finally:
        handle.remove()
    pooled = [maps[0].mean(dim=(2, 3)), maps[0].amax(dim=(2, 3))]
    if (channels := pooled[0].shape[1]) > _CHANNELS:
        merge = channel_means(channels).to(pooled[0])
        pooled = [part @ merge for part in pooled]
    return logits, attention, torch.cat(pooled, dim=1)


def channel_means(channels: int) -> torch.Tensor:
    """Build the matrix (channels, 64) that averages neighbouring channels."""
    place = torch.arange(channels) * _CHANNELS // channels
    merge = nn.functional.one_hot(place, _CHANNELS).float()
    return merge / merge.sum(dim=0)


def with_attention(net: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return logits (B,) and attention map (B, 1, h, w) of images (B, 3, H, W); None for a network without a map."""
    if "return_attention" in inspect.signature(net.forward).parameters:
        logits, attention = net(images, return_attention=True)
        return logits, attention
    return net(images), None
