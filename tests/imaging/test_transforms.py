"""Resizing, normalisation, augmentation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aletheia.imaging.transforms import LEVELS, albumentations_recipe, augment_batch, resize_rgb


@pytest.fixture
def batch():
    return torch.randint(0, 256, (32, 20, 20, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("level", LEVELS)
def test_augment_batch_shape_and_seed(batch, level):
    before = batch.clone()
    torch.manual_seed(1)
    first = augment_batch(batch, torch.Generator().manual_seed(3), level)
    torch.manual_seed(2)
    second = augment_batch(batch, torch.Generator().manual_seed(3), level)
    assert first.dtype == torch.uint8 and first.shape == batch.shape
    assert torch.equal(first, second)
    assert torch.equal(batch, before)
    assert torch.equal(first, batch) == (level == "none")
    if level != "none":
        assert not torch.equal(first, augment_batch(batch, torch.Generator().manual_seed(4), level))


def test_augment_batch_light():
    ramp = torch.arange(0, 200, 10, dtype=torch.uint8)[None, None, :, None].expand(400, 4, 20, 3).contiguous()
    out = augment_batch(ramp, torch.Generator().manual_seed(0), "light").float()
    rises = out[:, 0, -1, 0] > out[:, 0, 0, 0]
    assert 0.4 < rises.float().mean() < 0.6
    gain = out.mean(dim=(1, 2, 3)) / ramp.float().mean()
    assert 0.85 < gain.min() < 0.93 and 1.07 < gain.max() < 1.15


@pytest.mark.parametrize("shape", [(10, 10), (64, 20), (20, 64), (1, 1), (300, 200)])
def test_resize_rgb_square(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    out = resize_rgb(image, 32)
    assert out.shape == (32, 32, 3) and out.dtype == np.uint8
    assert abs(out.mean() - image.mean()) < 12


def test_albumentations_recipe_order():
    recipe = albumentations_recipe(24)
    names = [type(step).__name__ for step in recipe.transforms]
    assert names[0] == "Resize" and "Normalize" not in names
    out = recipe(image=np.random.default_rng(0).integers(0, 256, (50, 40, 3), dtype=np.uint8))["image"]
    assert out.shape == (24, 24, 3) and out.dtype == np.uint8
