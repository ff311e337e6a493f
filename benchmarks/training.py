"""Training and its loader: this project against what published projects do, side by side, medians of seven.

The network is EfficientNet-B4 at 224 pixels, batches of 16, AdamW with clipped gradients: once as efficientnet-pytorch
makes it, once as `aletheia.models` does, and in bf16 (`precision: bf16-mixed`). The loader brings pictures to 256
pixels: once normalised as they come and then resized, each by albumentations in every epoch, once by this project,
which decodes and resizes them once; judged is a training of five epochs. Last, two trainings tell what part of their
time they waited for batches. The pictures are those of ALETHEIA_SHARED_DATA (or ../shared/data) when there are any,
else drawn ones.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, Dataset

from benchmarks.inference import find_pictures

#: At least so many times the reference's speed, and at most this share of a training spent waiting.
LIMITS = {"training": 1.5, "loader": 2.0, "waiting": 0.05}
SIZE, BATCH, LOADED, EPOCHS = 224, 16, 256, 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--pictures", type=int, default=96)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = find_pictures(options.pictures, Path(folder))
        missed = network(options.repeats) + loader(pictures, options.repeats) + waiting(pictures)
    return int(missed > 0)


def network(repeats: int) -> int:
    """Images a second through forward, backward and the optimiser."""
    from efficientnet_pytorch import EfficientNet

    from aletheia.models.registry import create_model

    images = torch.rand(BATCH, 3, SIZE, SIZE)
    last = images.contiguous(memory_format=torch.channels_last)
    published = EfficientNet.from_name("efficientnet-b4", num_classes=1)
    ours = create_model("efficientnet_b4").to(memory_format=torch.channels_last)
    ways = {
        "efficientnet-pytorch": step(published, images, fused=False),
        "ours": step(ours, last, fused=True),
        "ours in bf16": step(ours, last, fused=True, bf16=True),
    }
    return compare("training", ways, BATCH, repeats, judged="ours")


def step(model: torch.nn.Module, images: torch.Tensor, *, fused: bool, bf16: bool = False) -> Callable[[], None]:
    labels = torch.arange(len(images)).remainder(2).float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=fused)
    model.train()

    def run() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext():
            logits = model(images).reshape(-1)
        binary_cross_entropy_with_logits(logits.float(), labels).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return run


class NormaliseFirst(Dataset):
    """Files to tensors as published projects do it: normalised at full size, resized as floats."""

    def __init__(self, paths: list[str]) -> None:
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
        import albumentations as A  # noqa: N812 (the name that its documentation uses)
        from albumentations.pytorch import ToTensorV2

        self.paths = paths
        self.transform = A.Compose([A.Normalize(), A.Resize(LOADED, LOADED), ToTensorV2()])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        image = cv2.cvtColor(cv2.imread(self.paths[index]), cv2.COLOR_BGR2RGB)
        return self.transform(image=image)["image"]


def loader(pictures: list[str], repeats: int) -> int:
    """Images a second from files (or the cache) to batches of normalised tensors."""
    from aletheia.imaging.pixel_cache import clear_cache, decode_images
    from aletheia.imaging.transforms import normalise

    # Two processes, as many as there are cores; started before and kept, as in a training of many epochs.
    published = DataLoader(NormaliseFirst(pictures), BATCH, num_workers=2, persistent_workers=True)

    def theirs(epochs: int) -> None:
        for _ in range(epochs):
            for _ in published:
                pass

    def ours(epochs: int) -> None:
        clear_cache()
        for _ in range(epochs):
            pixels = decode_images(pictures, LOADED).array
            for start in range(0, len(pixels), BATCH):
                normalise(torch.from_numpy(pixels[start : start + BATCH].copy()))

    one = {"normalise, then resize": lambda: theirs(1), "ours": lambda: ours(1)}
    compare("loader, one epoch", one, len(pictures), repeats)
    many = {"normalise, then resize": lambda: theirs(EPOCHS), "ours": lambda: ours(EPOCHS)}
    return compare("loader", many, len(pictures) * EPOCHS, repeats, judged="ours")


def waiting(pictures: list[str]) -> int:
    """Measure the share of a training that the network waits, for the smallest network and both augmentations."""
    from aletheia.training.config import TrainConfig
    from aletheia.training.fit import fit_network

    frame = pd.DataFrame({"path": pictures, "label": np.where(np.arange(len(pictures)) % 2, "fake", "real")})
    missed = 0
    for augmentation in ("light", "albumentations"):
        config = TrainConfig(max_epochs=3, image_size=224, augmentation=augmentation, patience=3)
        history = fit_network(config, frame, frame, progress=False).history
        share = history["waited"].sum() / history["seconds"].sum()
        print(f"waiting for batches ({augmentation}): {share:.1%} of the training, limit {LIMITS['waiting']:.0%}")
        missed += share > LIMITS["waiting"]
    return missed


def compare(name: str, ways: dict[str, Callable], images: int, repeats: int, judged: str = "") -> int:
    """Let them take turns; print images a second and ratios to the first; 1 when `judged` misses its limit."""
    for way in ways.values():
        way()  # once for nothing
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, run in ways.items():
            started = time.perf_counter()
            run()
            times[way].append(time.perf_counter() - started)
    first = next(iter(ways))
    for way, values in times.items():
        ratios = [a / b for a, b in zip(times[first], values, strict=True)]
        ratio = (
            f", {statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f})" if way != first else ""
        )
        limit = f", limit {LIMITS[name]}" if way == judged else ""
        print(f"{name}, {way}: {images / statistics.median(values):.1f} images/s{ratio}{limit}")
    if not judged:
        return 0
    ratios = [a / b for a, b in zip(times[first], times[judged], strict=True)]
    return int(statistics.median(ratios) < LIMITS[name])


if __name__ == "__main__":
    sys.exit(main())
