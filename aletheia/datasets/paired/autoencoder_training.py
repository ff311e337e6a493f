"""Training of the autoencoders on patches of genuine pictures, and passing whole pictures through them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.core.progress import tqdm
from aletheia.datasets.paired.autoencoders import REACH, STEP, Autoencoder, Family, PatchJudge
from aletheia.datasets.paired.genuine import Genuine, UnusableError

PATCH = 48  # pixels a side of a training patch
BATCH = 8
_MOST_PICTURES, _PATCHES = 400, 12  # pictures of one network's training, and patches of each
_TILE = 512  # pixels a side of the parts in which a picture is reconstructed
_RATE = 6e-3  # of Adam, falling to 0 along half a cosine
_GRADIENT = 1.0  # weight of the differences between neighbouring pixels, beside that of the pixels
_DIVERGENCE, _ADVERSARIAL = 1e-4, 0.01
_KEY = "trained_on"


def training_patches(pictures: Sequence[Genuine], rng: np.random.Generator) -> Array:
    """Cut patches at random out of genuine pictures.

    Returns
    -------
    (n, 48, 48, 3) uint8
        A dozen of each of up to 400 pictures; those that cannot be read or are smaller give none.

    Raises
    ------
    InputError
        When no picture gives any.
    """
    patches = []
    for index in sorted(rng.permutation(len(pictures))[:_MOST_PICTURES]):
        try:
            rgb = pictures[index].read()
        except UnusableError:
            continue
        height, width = rgb.shape[:2]
        if min(height, width) < PATCH:
            continue
        for _ in range(_PATCHES):
            y, x = rng.integers(height - PATCH + 1), rng.integers(width - PATCH + 1)
            patches.append(rgb[y : y + PATCH, x : x + PATCH])
    if not patches:
        raise InputError(
            f"No picture of at least {PATCH} x {PATCH} pixels to train an autoencoder on; add larger ones."
        )
    return np.stack(patches)


def train_autoencoder(
    family: Family, patches: Array, steps: int, seed: int, *, width: int = 16, desc: str = "", progress: bool = True
) -> Autoencoder:
    """Train an autoencoder to give patches back.

    The loss is the mean absolute difference of pixels and of the steps between neighbours (so that detail counts), with
    the divergence of a variational family, and for an adversarial one that of least squares (Mao et al., ICCV 2017)
    from a third of the steps on.

    Parameters
    ----------
    family : Family
    patches : (n, 48, 48, 3) uint8
    steps : int
        Batches of 8 patches, each mirrored at random.
    seed : int
    width : int
        See :class:`~aletheia.datasets.paired.autoencoders.Autoencoder`.
    desc : str
        Beside the progress bar.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, judge = Autoencoder(family, width), PatchJudge(width)
    noise = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(network.parameters(), _RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    judging = torch.optim.Adam(judge.parameters(), _RATE / 4, betas=(0.5, 0.99))
    for step in tqdm(range(steps), desc=desc, unit="step", disable=not progress, leave=False):
        batch = patches[rng.integers(len(patches), size=BATCH)]
        x = torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255
        if rng.random() < 0.5:
            x = x.flip(3)
        y, divergence = network(x, noise)
        loss = (y - x).abs().mean() + _GRADIENT * _edges(y - x) + _DIVERGENCE * divergence
        if family.adversarial and step >= steps // 3:
            loss = loss + _ADVERSARIAL * (judge(y) - 1).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if family.adversarial:
            told = (judge(x) - 1).square().mean() + judge(y.detach()).square().mean()
            judging.zero_grad()
            told.backward()
            judging.step()
    return network.eval()


def _edges(difference: torch.Tensor) -> torch.Tensor:
    across = difference[..., 1:] - difference[..., :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def reconstruct(network: Autoencoder, rgb: Array, seed: int = 0, tile: int = _TILE) -> Array:
    """Pass a picture of any size through an autoencoder, part by part.

    Parameters
    ----------
    network : Autoencoder
    rgb : (H, W, 3) uint8
    seed : int
        Of a variational family's draws.
    tile : int
        Side of the parts, pixels, divisible by 4. Their borders overlap as far as the network looks.

    Returns
    -------
    (H, W, 3) float32
        0..255.
    """
    height, width = rgb.shape[:2]
    border = (REACH, REACH + -height % STEP, REACH, REACH + -width % STEP)  # above, below, left, right
    padded = cv2.copyMakeBorder(rgb, *border, cv2.BORDER_REFLECT)
    out = np.empty((padded.shape[0] - 2 * REACH, padded.shape[1] - 2 * REACH, 3), np.float32)
    noise = torch.Generator().manual_seed(seed)
    for y in range(0, out.shape[0], tile):
        for x in range(0, out.shape[1], tile):
            part = np.ascontiguousarray(padded[y : y + tile + 2 * REACH, x : x + tile + 2 * REACH])
            with torch.inference_mode():
                values = network(torch.from_numpy(part).permute(2, 0, 1)[None].float() / 255, noise)[0][0]
            inner = values[:, REACH:-REACH, REACH:-REACH].permute(1, 2, 0).numpy()
            out[y : y + tile, x : x + tile] = 255 * inner
    return np.clip(out[:height, :width], 0, 255)


def save_autoencoder(network: Autoencoder, path: Path, trained_on: str) -> None:
    """Write the weights, and what they were trained on, into a safetensors file."""
    tensors = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    with atomic_write(path) as file:
        file.write(save(tensors, {_KEY: json.dumps(trained_on)}))


def load_autoencoder(path: Path, family: Family, width: int, trained_on: str) -> Autoencoder | None:
    """Read weights that were trained on this; None when there are none such."""
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get(_KEY) != json.dumps(trained_on):
                return None
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError):
        return None
    network = Autoencoder(family, width)
    network.load_state_dict(weights)
    return network.eval()
