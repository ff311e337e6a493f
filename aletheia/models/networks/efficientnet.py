"""EfficientNet B0-B7 with one logit, and with the attention map of Bonettini et al.

M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019.
N. Bonettini et al., "Video Face Manipulation Detection Through Ensemble of CNNs", ICPR 2020, section III-A.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from efficientnet_pytorch import EfficientNet
from efficientnet_pytorch.utils import url_map
from pydantic import Field
from torch import nn

from aletheia.models.network import LastMap
from aletheia.models.registry import register_network

Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]
Side = Annotated[int, Field(ge=16, le=1024)]


class EfficientNetDetector(nn.Module):
    """An EfficientNet whose head gives one logit, optionally with one sigmoid attention map.

    Parameters
    ----------
    variant : int
        0 to 7.
    attention : bool
        Multiply the features after the third stage (56 channels in B4, 40 in B0; a stride of 8 pixels) by a
        map in (0, 1) that a 1 x 1 convolution reads off them.
    dropout : float or None
        Before the head; None keeps the variant's own rate.
    padding_size : int or None
        Side of the input, pixels, for which TensorFlow's uneven padding is computed; None: the variant's own.
    stem_padding : bool
        Whether the first convolution pads; False for weights of DeepfakeBench, which put another one in its place.
    """

    def __init__(
        self,
        variant: int,
        *,
        attention: bool = False,
        dropout: float | None = None,
        padding_size: int | None = None,
        stem_padding: bool = True,
    ) -> None:
        super().__init__()
        overrides: dict[str, Any] = {} if dropout is None else {"dropout_rate": dropout}
        if padding_size is not None:
            overrides["image_size"] = padding_size
        self.backbone = _streamlined(EfficientNet.from_name(f"efficientnet-b{variant}", num_classes=1, **overrides))
        if not stem_padding:
            stem: Any = self.backbone._conv_stem
            stem.padding, stem.static_padding = (0, 0), nn.Identity()
        self.imagenet_url = url_map[f"efficientnet-b{variant}"]
        # After the stem (stride 2), the blocks with a stride of 2 open the scales 1/4, 1/8, 1/16 and 1/32;
        # the third stage is the one at 1/8, so it ends just before the third of them.
        strides = [i for i, block in enumerate(self.backbone._blocks) if _stride(block) == 2]
        self.attention_after = strides[2] - 1
        self.attention = nn.Conv2d(_channels(self.backbone._blocks[self.attention_after]), 1, 1) if attention else None

    def forward(
        self, x: torch.Tensor, return_attention: bool = False
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor | None]:
        """Map images (B, 3, H, W), ImageNet-normalised, to logits (B,) as `aletheia.models.network` says."""
        net = self.backbone
        x = net._swish(net._bn0(net._conv_stem(x)))
        rate = net._global_params.drop_connect_rate or 0.0
        attention = None
        for index, block in enumerate(net._blocks):
            x = block(x, drop_connect_rate=rate * index / len(net._blocks))
            if self.attention is not None and index == self.attention_after:
                attention = torch.sigmoid(self.attention(x))
                x = x * attention
        x = net._swish(net._bn1(net._conv_head(x)))
        x = net._dropout(net._avg_pooling(x).flatten(start_dim=1))
        logits = net._fc(x).squeeze(1)
        return (logits, attention) if return_attention else logits

    def stages(self) -> list[list[nn.Module]]:
        """Return the stem and the seven stages of the paper's table 1, the last convolution with the last of them."""
        net = self.backbone
        stages: list[list[nn.Module]] = [[net._conv_stem, net._bn0]]
        for block in net._blocks:
            arguments = block._block_args
            # Of a stage, the first block alone may change width or resolution.
            if arguments.input_filters != arguments.output_filters or _stride(block) != 1:
                stages.append([])
            stages[-1].append(block)
        stages[-1] += [net._conv_head, net._bn1]
        return stages

    def last_map(self) -> LastMap:
        """Return the map before the global average pooling."""
        return LastMap(self.backbone._avg_pooling, False, self.backbone._fc.weight[0])


def _streamlined(net: EfficientNet) -> EfficientNet:
    """Make a network twice as fast to train on a CPU, with the same outputs: torch's own swish, no copies for padding.

    The library computes swish anew in the backward pass to save memory, and pads in a layer of its own because
    TensorFlow's "same" padding may be uneven; where it is even, the convolution can do it.
    """
    for module in net.modules():
        if hasattr(module, "_swish"):
            module._swish = nn.SiLU()
        padding = getattr(module, "static_padding", None)
        if isinstance(padding, nn.ZeroPad2d):
            left, right, top, bottom = padding.padding
            if (left, top) == (right, bottom):
                module.padding, module.static_padding = (top, left), nn.Identity()
    return net


def _stride(block: Any) -> int:
    stride = block._block_args.stride
    return int(stride[0] if isinstance(stride, list | tuple) else stride)


def _channels(block: Any) -> int:
    return int(block._project_conv.out_channels)


def _register(name: str, variant: int, *, attention: bool) -> None:
    @register_network(name)
    def build(
        *, dropout: Dropout | None = None, padding_size: Side | None = None, stem_padding: bool = True
    ) -> nn.Module:
        return EfficientNetDetector(
            variant, attention=attention, dropout=dropout, padding_size=padding_size, stem_padding=stem_padding
        )


for _variant in range(8):
    _register(f"efficientnet_b{_variant}", _variant, attention=False)
for _variant in (0, 4):
    _register(f"efficientnet_autoatt_b{_variant}", _variant, attention=True)
