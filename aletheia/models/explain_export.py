"""Grad-CAM as part of a network, in closed form, so that it can be exported and run where there is no autograd.

R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017:
the channels of the last feature map are added up, each weighted by the mean of the logit's derivatives with respect to
it, and negative sums are cut off. Every network of the registry takes the mean of that map (or mean and maximum) and
then one linear layer, so those derivatives do not depend on the picture. With w the layer's weight for a channel's mean
over Z places, each place has the derivative w / Z. A maximum hands all of its weight to the places that reach it: over
all places the derivatives add up to the weight, too. The common factor 1 / Z goes with the scaling to 1.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from aletheia.imaging.transforms import normalise
from aletheia.models.attention_cnn import AttentionCNN
from aletheia.models.efficientnet import EfficientNetDetector
from aletheia.models.pooled import PooledDetector
from aletheia.models.spec import ModelSpec

_ROUNDING = 1e-4  # of the size of what is added up


class LastMap(NamedTuple):
    """Where a network's last feature map is, and what each of its channels means for the logit.

    Attributes
    ----------
    module : nn.Module
        That gives the map, or takes it.
    given : bool
        Whether it is what `module` gives, not what it takes.
    weights : Tensor
        (channels,) sums of the logit's derivatives over all places.
    """

    module: nn.Module
    given: bool
    weights: torch.Tensor


def last_map(net: nn.Module) -> LastMap | None:
    """The last feature map of a network of the registry; None of one that ends in an unknown way."""
    if isinstance(net, AttentionCNN):
        mean, maximum = net.head.weight[0].chunk(2)
        return LastMap(net.coarse, True, mean + maximum)
    if isinstance(net, EfficientNetDetector):
        return LastMap(net.backbone._avg_pooling, False, net.backbone._fc.weight[0])
    if isinstance(net, PooledDetector):
        if hasattr(net.backbone, "global_pool"):  # timm
            return LastMap(net.backbone.global_pool, False, net.backbone.get_classifier().weight[0])
        return LastMap(net.backbone.features, True, net.backbone.classifier[-1].weight[0])
    return None


class Explained(nn.Module):
    """A network that also says where it looked; uint8 in, as in ``model.onnx``.

    Parameters
    ----------
    net : nn.Module
        In evaluation mode.
    spec : ModelSpec
        Its normalisation.
    found : LastMap
        Of `last_map`.
    attention : bool
        Whether the network has an attention map to give.
    """

    def __init__(self, net: nn.Module, spec: ModelSpec, found: LastMap, attention: bool) -> None:
        super().__init__()
        self.net, self.spec, self.attention = net, spec, attention
        self.module, self.given = found.module, found.given
        self.register_buffer("weights", found.weights.detach().clone(), persistent=False)

    @property
    def outputs(self) -> list[str]:
        """Names of what `forward` returns."""
        return ["logits", *["attention"] * self.attention, "cam"]

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Faces (n, size, size, 3) to logits (n,), attention (n, 1, h, w) if any, and Grad-CAM (n, h, w) in [0, 1].

        The map's largest value is 1; it is (next to) zero throughout where nothing speaks for a fake.
        """
        kept: list[torch.Tensor] = []
        if self.given:
            handle = self.module.register_forward_hook(lambda _, __, given: kept.append(given))
        else:
            handle = self.module.register_forward_pre_hook(lambda _, taken: kept.append(taken[0]))
        try:
            logits, attention = self.net(normalise(pixels, self.spec.mean, self.spec.std), return_attention=True)
        finally:
            handle.remove()
        parts = kept[0] * self.weights[:, None, None]
        cam = torch.relu(parts.sum(dim=1))
        # What is left of sums that cancel out is rounding; it is not to be blown up to 1.
        least = _ROUNDING * parts.abs().sum(dim=1).amax(dim=(1, 2), keepdim=True)
        cam = cam / torch.maximum(cam.amax(dim=(1, 2), keepdim=True), least.clamp(min=1e-30))
        return (logits, attention, cam) if self.attention else (logits, cam)
