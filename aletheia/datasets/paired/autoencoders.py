"""Small autoencoders, one for each way in which generators enlarge: what comes out carries that way's traces.

A face that passes through one looks as before, yet every pixel comes out of an up-sampling layer, as in a generated
picture; content and framing cannot tell the two apart. The idea is that of training on reconstructions by a latent
diffusion model's autoencoder (Guillaro et al., "A Bias-Free Training Paradigm for More General AI-generated Image
Detection", CVPR 2025; Rajan et al., "Aligned Datasets Improve Detection of Latent Diffusion-Generated Images", ICLR
2025). Theirs is one large network, trained by others; these are small, of several kinds, and trained on the user's
pictures.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import nn
from torch.nn import functional

#: Sides of a picture are made divisible by this.
STEP = 4
#: Pixels around a part of a picture that its reconstruction depends on at most, see the test.
REACH = 32
_FIRST_LOG_VARIANCE = -6.0  # of a variational family's codes


@dataclasses.dataclass(frozen=True)
class Family:
    """A kind of autoencoder.

    Attributes
    ----------
    up : {'transposed', 'nearest', 'shuffle'}
        How its decoder enlarges.
    variational : bool
        Whether its latent values are drawn (Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014).
    adversarial : bool
        Whether it is also trained against a network that judges patches (Isola et al., CVPR 2017).
    """

    up: str
    variational: bool = False
    adversarial: bool = False


#: Name → family. The variational one enlarges as the autoencoders of latent diffusion models do, the adversarial one as
#: the generators of Isola et al.
FAMILIES = {
    "transposed": Family("transposed"),
    "nearest": Family("nearest"),
    "shuffle": Family("shuffle"),
    "vae": Family("nearest", variational=True),
    "gan": Family("transposed", adversarial=True),
}


def upsampler(kind: str, channels: int, out: int) -> nn.Module:
    """Make a layer that doubles height and width: (B, channels, H, W) to (B, out, 2H, 2W).

    Parameters
    ----------
    kind : {'transposed', 'nearest', 'shuffle'}
        Transposed convolution of 4 x 4 (16 weights a pair of channels); nearest neighbours and a convolution of 3 x 3
        (9; Odena et al., "Deconvolution and Checkerboard Artifacts", 2016); a convolution to four times the channels
        and their rearrangement (36; Shi et al., CVPR 2016).
    """
    if kind == "transposed":
        return nn.ConvTranspose2d(channels, out, 4, stride=2, padding=1)
    if kind == "nearest":
        return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(channels, out, 3, padding=1))
    return nn.Sequential(nn.Conv2d(channels, 4 * out, 3, padding=1), nn.PixelShuffle(2))


class Autoencoder(nn.Module):
    """Two halvings, a narrow code at a quarter and another at half of the resolution, two doublings.

    The code at half resolution lets detail pass, so that a reconstruction is not told by its blur; all that is finer
    has to come out of the last doubling.

    Parameters
    ----------
    family : Family
    width : int
        Channels at half resolution; twice as many at a quarter.
    fine, coarse : int
        Channels of the codes at half and at a quarter of the resolution. At half, 12 would hold every pixel.
    """

    def __init__(self, family: Family, width: int = 16, fine: int = 6, coarse: int = 8) -> None:
        super().__init__()
        self.family, self.fine, self.coarse = family, fine, coarse
        numbers = 2 if family.variational else 1  # mean and logarithm of the variance
        self.halve = nn.Conv2d(3, width, 4, stride=2, padding=1)
        self.to_fine = nn.Conv2d(width, numbers * fine, 1)
        self.look = nn.Conv2d(width, width, 3, padding=1)
        self.quarter = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.to_coarse = nn.Conv2d(2 * width, numbers * coarse, 1)
        self.from_coarse = nn.Conv2d(coarse, 2 * width, 3, padding=1)
        self.first_up = upsampler(family.up, 2 * width, width)
        self.mix = nn.Conv2d(width + fine, width, 3, padding=1)
        self.last_up = upsampler(family.up, width + fine, width)
        self.paint = nn.Conv2d(width, 3, 1)
        self.refine = nn.Conv2d(width, 3, 3, padding=1)
        for name, values in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(values)
            else:
                nn.init.kaiming_normal_(values, nonlinearity="linear")
        if family.variational:  # draws that drown the codes from the outset would have to be unlearned first
            biases = dict(self.named_parameters())
            nn.init.constant_(biases["to_fine.bias"][fine:], _FIRST_LOG_VARIANCE)
            nn.init.constant_(biases["to_coarse.bias"][coarse:], _FIRST_LOG_VARIANCE)

    def forward(self, x: torch.Tensor, noise: torch.Generator | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Reconstruct pictures.

        Parameters
        ----------
        x : (B, 3, H, W) float32
            0..1; height and width divisible by :data:`STEP`.
        noise : torch.Generator, optional
            Of the draws of a variational family; without it the means are taken.

        Returns
        -------
        rgb : (B, 3, H, W) float32
            About 0..1.
        divergence : () float32
            Mean Kullback-Leibler divergence of the codes' values from a standard normal; 0 unless variational.
        """
        half = self.halve(2 * x - 1)
        fine, fine_divergence = self._draw(self.to_fine(half), noise)
        quarter = functional.silu(self.quarter(functional.silu(self.look(functional.silu(half)))))
        coarse, coarse_divergence = self._draw(self.to_coarse(quarter), noise)
        y = functional.silu(self.first_up(functional.silu(self.from_coarse(coarse))))
        y = functional.silu(self.mix(torch.cat([y, fine], dim=1)))
        # Linear from the picture by the fine code to the output, so that a short training gets far; the rest corrects.
        y = self.last_up(torch.cat([y, fine], dim=1))
        return (self.paint(y) + self.refine(functional.silu(y)) + 1) / 2, fine_divergence + coarse_divergence

    def _draw(self, values: torch.Tensor, noise: torch.Generator | None) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.family.variational:
            return values, values.new_zeros(())
        mean, log_variance = values.chunk(2, dim=1)
        log_variance = log_variance.clamp(-20, 10)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        if noise is not None:
            mean = mean + torch.randn(mean.shape, generator=noise) * (0.5 * log_variance).exp()
        return mean, divergence


class PatchJudge(nn.Sequential):
    """Judges every patch of a picture: (B, 3, H, W) to (B, 1, H/4, W/4), high for genuine ones (Isola et al.)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 3, padding=1),
        )
