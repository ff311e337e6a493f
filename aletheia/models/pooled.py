"""Backbones of torchvision and timm with a global-average-pooling head that gives one logit.

M. Tan, Q. Le, "EfficientNet", ICML 2019 (torchvision's: the same layers as in `aletheia.models.efficientnet`, laid out
for speed). M. Sandler et al., "MobileNetV2", CVPR 2018. F. Chollet, "Xception", CVPR 2017, the usual baseline for
manipulated faces since A. Rössler et al., "FaceForensics++", ICCV 2019.

Both libraries take seconds to import, so that is done when one of their networks is built.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from aletheia.imaging.transforms import IMAGENET_MEAN, IMAGENET_STD
from aletheia.models.registry import register

Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]


class PooledDetector(nn.Module):
    """A convolutional backbone, global average pooling, dropout, and one linear logit.

    Parameters
    ----------
    backbone : nn.Module
        Maps images (B, 3, H, W) to (B, 1).
    imagenet_url : str
        Where its ImageNet weights are published.
    mean, std : tuple of float
        Normalisation that these weights expect, per channel, of values in [0, 1].
    """

    def __init__(
        self,
        backbone: nn.Module,
        imagenet_url: str,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.imagenet_url = imagenet_url
        # Every network of this project is fed ImageNet's normalisation; what was trained with another one gets
        # its own back here: (x * IMAGENET_STD + IMAGENET_MEAN - mean) / std.
        own = (tuple(mean), tuple(std)) == (IMAGENET_MEAN, IMAGENET_STD)
        scale = torch.tensor(IMAGENET_STD) / torch.tensor(std)
        shift = (torch.tensor(IMAGENET_MEAN) - torch.tensor(mean)) / torch.tensor(std)
        self.register_buffer("input_scale", None if own else scale.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("input_shift", None if own else shift.view(1, 3, 1, 1), persistent=False)

    def forward(
        self, x: torch.Tensor, return_attention: bool = False
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor | None]:
        """Images (B, 3, H, W), ImageNet-normalised, to logits (B,); see `aletheia.models.registry`."""
        if self.input_scale is not None:
            x = x * self.input_scale + self.input_shift
        logits = self.backbone(x).squeeze(1)
        return (logits, None) if return_attention else logits


def _torchvision(name: str, dropout: float | None) -> PooledDetector:
    import torchvision

    options = {} if dropout is None else {"dropout": dropout}
    url = torchvision.models.get_model_weights(name).IMAGENET1K_V1.url
    return PooledDetector(torchvision.models.get_model(name, num_classes=1, **options), url)


@register("mobilenet_v2")
def mobilenet_v2(*, dropout: Dropout | None = None) -> nn.Module:
    """MobileNetV2 (torchvision)."""
    return _torchvision("mobilenet_v2", dropout)


@register("xception")
def xception(*, dropout: Dropout = 0.0) -> nn.Module:
    """Xception (timm), with the normalisation that its weights were trained with."""
    import timm

    published = timm.models.get_pretrained_cfg("legacy_xception")
    backbone = timm.create_model("legacy_xception", num_classes=1, drop_rate=dropout)
    return PooledDetector(backbone, published.url, published.mean, published.std)


def _register_efficientnets() -> None:
    def entry(variant: int):
        def build(*, dropout: Dropout | None = None) -> nn.Module:
            return _torchvision(f"efficientnet_b{variant}", dropout)

        build.__doc__ = f"EfficientNet B{variant} (torchvision)."
        return build

    for variant in range(8):
        register(f"torchvision_efficientnet_b{variant}")(entry(variant))


_register_efficientnets()
