"""Grad-CAM as part of a network, in closed form, so that it can be exported and run where there is no autograd.

R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017:
the channels of the last feature map are added up, each weighted by the mean of the logit's derivatives with respect to
it, and negative sums are cut off. Every network of the registry takes the mean of that map (or mean and maximum) and
then one linear layer, so those derivatives do not depend on the picture. With w the layer's weight for a channel's mean
over Z positions, each position has the derivative w / Z. A maximum hands all of its weight to the positions that reach
it: over all positions the derivatives add up to the weight, too. The common factor 1 / Z goes with the scaling to 1.
"""

from __future__ import annotations

import torch
from torch import nn

from aletheia.imaging.transforms import normalise
from aletheia.models.network import LastMap, with_attention
from aletheia.models.spec import ModelSpec

_ROUNDING = 1e-4  # as a share of the size of the summands


class ExplainedNetwork(nn.Module):
    """A network with its attention map and Grad-CAM as further outputs; uint8 in, as in ``model.onnx``.

    Parameters
    ----------
    net : nn.Module
        In evaluation mode.
    spec : ModelSpec
        Its normalisation.
    features : LastMap
        Of `aletheia.models.network.last_map`.
    attention : bool
        Whether the network has an attention map.
    """

    weights: torch.Tensor

    def __init__(self, net: nn.Module, spec: ModelSpec, features: LastMap, attention: bool) -> None:
        super().__init__()
        self.net, self.spec, self.attention = net, spec, attention
        self.module, self.is_output = features.module, features.is_output
        self.register_buffer("weights", features.weights.detach().clone(), persistent=False)

    @property
    def outputs(self) -> list[str]:
        """Names of what `forward` returns."""
        return ["logits", *["attention"] * self.attention, "cam"]

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map faces (n, size, size, 3) to logits (n,), attention (n, 1, h, w) if any, and Grad-CAM (n, h, w) in [0, 1].

        The largest value of a Grad-CAM is 1; it is (next to) zero throughout where nothing speaks for a fake.
        """
        maps: list[torch.Tensor] = []
        if self.is_output:
            handle = self.module.register_forward_hook(lambda _, __, output: maps.append(output))
        else:
            handle = self.module.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0]))
        try:
            logits, attention = with_attention(self.net, normalise(pixels, self.spec.mean, self.spec.std))
        finally:
            handle.remove()
        summands = maps[0] * self.weights[:, None, None]
        cam = torch.relu(summands.sum(dim=1))
        # The remainder of sums that cancel out is rounding; it must not be scaled up to 1.
        smallest = _ROUNDING * summands.abs().sum(dim=1).amax(dim=(1, 2), keepdim=True)
        cam = cam / torch.maximum(cam.amax(dim=(1, 2), keepdim=True), smallest.clamp(min=1e-30))
        return (logits, attention, cam) if self.attention and attention is not None else (logits, cam)
