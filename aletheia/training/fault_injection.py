"""Faults that are injected into a training on purpose, to test the checks. No such model is ever released."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch

from aletheia.core.arrays import Array

Fault = Literal["none", "label_noise", "input_noise", "shuffled_labels", "wrong_loss", "skipped_gradients"]

#: Effect of each fault; its "share" is ``TrainConfig.fault_share``.
FAULTS: dict[str, str] = {
    "none": "nothing",
    "label_noise": "a share of the training rows, real and fake alike, has the other label",
    "input_noise": "training pixels carry Gaussian noise; its deviation is that share of the full range",
    "shuffled_labels": "training labels are dealt out anew: as many fakes as before, at random",
    "wrong_loss": "the loss is the absolute difference of logit and label, as if logits were probabilities",
    "skipped_gradients": "a share of the steps changes no weight",
}
assert tuple(FAULTS) == get_args(Fault)


def faulty_labels(labels: Array, fault: str, share: float, seed: int) -> Array:
    """Apply a fault to training labels (n,) float32, 1 for fake; a copy if it changes them."""
    rng = np.random.default_rng((seed, 0xFA17))
    if fault == "shuffled_labels":
        return rng.permutation(labels)
    if fault == "label_noise":
        noisy = labels.copy()
        wrong = rng.permutation(len(labels))[: round(share * len(labels))]
        noisy[wrong] = 1 - noisy[wrong]
        return noisy
    return labels


def faulty_pixels(pixels: torch.Tensor, fault: str, share: float, generator: torch.Generator) -> torch.Tensor:
    """Apply a fault to a training batch (B, H, W, 3) uint8."""
    if fault != "input_noise":
        return pixels
    noise = torch.randn(pixels.shape, generator=generator).to(pixels.device) * (255 * share)
    return (pixels.float() + noise).round_().clamp_(0, 255).to(torch.uint8)


def skips_gradient(fault: str, share: float, seed: int) -> bool:
    """Return whether the step with this seed leaves the weights as they are."""
    return fault == "skipped_gradients" and np.random.default_rng((seed, 0xFA17)).random() < share
