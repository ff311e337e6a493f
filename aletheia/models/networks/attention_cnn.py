"""A small convolutional network with an attention map, for faces of 64-128 pixels and training without a GPU.

The traces of manipulation at this size are local and faint: blending boundaries (Li et al., "Face X-ray
for More General Face Forgery Detection", CVPR 2020), the periodic traces of up-sampling layers (Odena et al.,
"Deconvolution and Checkerboard Artifacts", Distill 2016) and colours that do not match. So the first layer reads
5 x 5 neighbourhoods of the full-resolution image, and most of its filters start as the high-pass residuals of
steganalysis, which suppress the image content (Fridrich and Kodovsky, "Rich Models for Steganalysis of Digital
Images", IEEE TIFS 2012; used on faces by Zhou et al., "Learning Rich Features for Image Manipulation Detection",
CVPR 2018). They stay learnable. A residual's size says more than its sign, so both halves of it are kept (CReLU:
Shang et al., ICML 2016; for residuals the absolute value of Xu et al., IEEE SPL 23, 2016). The attention map is a
sigmoid multiplied into the features (Bonettini et al., ICPR 2020).
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from aletheia.models.network import LastMap
from aletheia.models.registry import register_network


def residual_kernels() -> torch.Tensor:
    """Return high-pass kernels (6, 5, 5), each summing to zero, with an absolute sum of 1.

    Second-order residuals along four directions, the 3 x 3 square and the 5 x 5 square residual of the rich
    model.
    """
    line = torch.tensor([0.0, 1.0, -2.0, 1.0, 0.0])
    horizontal = torch.zeros(5, 5)
    horizontal[2] = line
    square3 = torch.tensor([[-1.0, 2.0, -1.0], [2.0, -4.0, 2.0], [-1.0, 2.0, -1.0]])
    square5 = torch.tensor(
        [
            [-1.0, 2.0, -2.0, 2.0, -1.0],
            [2.0, -6.0, 8.0, -6.0, 2.0],
            [-2.0, 8.0, -12.0, 8.0, -2.0],
            [2.0, -6.0, 8.0, -6.0, 2.0],
            [-1.0, 2.0, -2.0, 2.0, -1.0],
        ]
    )
    kernels = [
        horizontal,
        horizontal.T,
        torch.diag(line),
        torch.diag(line).flip(1),
        nn.functional.pad(square3, (1, 1, 1, 1)),
        square5,
    ]
    return torch.stack([k / k.abs().sum() for k in kernels])


# Batch norm undoes any scale of the filters before it, but the optimiser's steps have a fixed size: large weights
# keep the residuals from being washed out within the first epoch (on the embedded data, AUC 0.54 without and 0.94
# with it at a learning rate of 5e-3).
_RESIDUAL_SCALE = 24.0


def _conv(channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class _BothHalves(nn.Module):
    """CReLU: the positive and the negative part, side by side."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, -x], dim=1).relu_()


class _Residual(nn.Module):
    """Two 3 x 3 convolutions around an identity (He et al., CVPR 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        norm = nn.BatchNorm2d(channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), norm)
        # Starting as an identity makes the first, few, epochs stable at high learning rates (Goyal et al., 2017).
        nn.init.zeros_(norm.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual: torch.Tensor = self.second(self.first(x))
        return torch.relu(x + residual)


@torch.no_grad()
def _start_high_pass(weight: torch.Tensor) -> None:
    """Start three quarters of the filters (n, 3, 5, 5) as residuals of the grey image, then of one colour each."""
    kernels = _RESIDUAL_SCALE * residual_kernels()
    for index in range(3 * weight.shape[0] // 4):
        colour = index // len(kernels)
        mix = torch.full((3,), 1 / 3) if colour == 0 else torch.eye(3)[(colour - 1) % 3]
        weight[index] = mix[:, None, None] * kernels[index % len(kernels)]


class AttentionCNN(nn.Module):
    """Stem at half resolution, three scales, one attention map at a quarter of the resolution.

    Parameters
    ----------
    width : int
        Channels after the first layer (even); the later scales have twice as many.
    dropout : float
        Before the last layer.
    """

    def __init__(self, width: int = 16, dropout: float = 0.2) -> None:
        super().__init__()
        filters = width // 2
        first = nn.Conv2d(3, filters, 5, stride=2, padding=2, bias=False)
        self.stem = nn.Sequential(first, nn.BatchNorm2d(filters), _BothHalves())
        self.fine = nn.Sequential(_conv(2 * filters, width), nn.MaxPool2d(2))
        self.middle = _conv(width, 2 * width)
        self.attention = nn.Conv2d(2 * width, 1, 1)
        self.coarse = nn.Sequential(nn.MaxPool2d(2), _conv(2 * width, 2 * width), _Residual(2 * width))
        self.dropout = nn.Dropout(dropout)
        # Mean and maximum: a seam or a checkerboard may cover a small part of the face only.
        self.head = nn.Linear(4 * width, 1)
        _start_high_pass(first.weight)

    def forward(
        self, x: torch.Tensor, return_attention: bool = False
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Map normalised images (B, 3, H, W), H and W at least 16, to logits (B,) as `aletheia.models.network` says."""
        x = self.middle(self.fine(self.stem(x)))
        attention = torch.sigmoid(self.attention(x))
        x = self.coarse(x * attention)
        x = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)
        logits = self.head(self.dropout(x)).squeeze(1)
        return (logits, attention) if return_attention else logits

    def last_map(self) -> LastMap:
        """Return the map after the last scale; a channel's mean and maximum both count."""
        mean, maximum = self.head.weight[0].chunk(2)
        return LastMap(self.coarse, True, mean + maximum)


@register_network("attention_cnn")
def attention_cnn(
    *,
    width: Annotated[int, Field(ge=4, le=128, multiple_of=2)] = 16,
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2,
) -> nn.Module:
    """Build the network of the embedded run: 36 thousand parameters at the default width."""
    return AttentionCNN(width, dropout)
