"""Bug 5: normalising before resizing, and noise added to floats of the wrong range."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from aletheia.imaging.pixel_cache import decode_images
from aletheia.imaging.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    albumentations_recipe,
    augment_batch,
    normalise,
    resize_rgb,
)
from aletheia.training.config import TrainConfig
from aletheia.training.data import FaceData


def test_face_data_batches_are_uint8_of_network_size(tmp_path):
    rng = np.random.default_rng(0)
    table = []
    for index in range(8):
        path = tmp_path / f"{index}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (90, 70, 3), dtype=np.uint8))
        table.append({"path": str(path), "label": "fake" if index % 2 else "real"})
    frame = pd.DataFrame(table)
    for augmentation in ("none", "strong", "albumentations"):
        config = TrainConfig(image_size=32, batch_size=4, augmentation=augmentation)
        data = FaceData(config, frame, frame)
        data.setup()
        pixels, *_ = next(iter(data.train_dataloader()))
        assert pixels.dtype == torch.uint8 and pixels.shape == (4, 32, 32, 3)
    decoded = decode_images(frame["path"].tolist(), 32).array
    assert decoded.dtype == np.uint8 and decoded.shape == (8, 32, 32, 3)


def test_normalise_imagenet_range():
    batch = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    wanted = (batch.double() / 255 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
    torch.testing.assert_close(normalise(batch).double(), wanted.permute(0, 3, 1, 2), atol=1e-5, rtol=1e-5)
    assert normalise(batch).is_contiguous(memory_format=torch.channels_last)


def test_resize_rgb_averages_and_keeps_range():
    checkers = np.zeros((64, 64, 3), np.uint8)
    checkers[::2, ::2] = checkers[1::2, 1::2] = 255
    small = resize_rgb(checkers, 32)
    assert small.dtype == np.uint8
    assert (np.abs(small.astype(int) - 127.5) <= 1).all()  # dropping pixels would give 0 or 255
    same = resize_rgb(small, 32)
    assert same is small


@pytest.mark.parametrize("seed", range(3))
def test_augment_batch_noise_of_few_grey_levels(seed):
    flat = torch.full((64, 24, 24, 3), 128, dtype=torch.uint8)
    noisy = augment_batch(flat, torch.Generator().manual_seed(seed), "strong").float()
    spread = noisy.std(dim=(1, 2))
    assert spread.max() < 4 and spread.max() > 0.5
    assert noisy.min() > 40 and noisy.max() < 220

    recipe = albumentations_recipe(24)
    recipe.set_random_seed(seed)
    image = np.full((40, 40, 3), 128, dtype=np.uint8)
    spreads = [recipe(image=image)["image"].astype(float).std(axis=(0, 1)).max() for _ in range(60)]
    assert max(spreads) < 30  # the default GaussNoise has 50 to 110
    assert min(spreads) < 1
