"""Where a network finds its evidence: against networks whose gradients are known, and planted concentrations."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import ttest_1samp
from torch import nn

from aletheia.evaluation.saliency import (
    FACES,
    GRID,
    UNIFORM,
    Window,
    attribution_maps,
    best_window,
    compare_saliency,
    shared_window,
    spread_over_groups,
)
from aletheia.models.spec import ModelSpec

SPEC = ModelSpec(architecture="attention_cnn", input_size=64)


class MeanInWindow(nn.Module):
    """The squared mean of one channel in a window of pixels."""

    def __init__(self, top: int, left: int, side: int = 16) -> None:
        super().__init__()
        self.place = (slice(None), 0, slice(top, top + side), slice(left, left + side))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scale * images[self.place].mean(dim=(1, 2)) ** 2


def noise(n: int, size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def test_attribution_maps_sum_to_the_difference_of_the_logits():
    crops, network = noise(3), MeanInWindow(16, 32)
    maps = attribution_maps(network, SPEC, crops)
    blurred = np.stack([cv2.GaussianBlur(crop, (0, 0), 8) for crop in crops])
    with torch.no_grad():
        scale = [
            (torch.from_numpy(part).permute(0, 3, 1, 2) / 255 - torch.tensor(SPEC.mean).view(3, 1, 1))
            / torch.tensor(SPEC.std).view(3, 1, 1)
            for part in (crops, blurred)
        ]
        crop, base = (network(part.float()).double().numpy() for part in scale)
    # The integral of a quadratic function is exact at midpoints.
    assert maps.sum(axis=(1, 2)) == pytest.approx(crop - base, rel=1e-3, abs=1e-5)
    outside = maps.copy()
    outside[:, 8:16, 16:24] = 0
    assert maps.shape == (3, GRID, GRID) and np.abs(outside).max() < 1e-9


@pytest.mark.parametrize("place", [(0, 0, 8, 8), (5, 11, 8, 8), (24, 24, 8, 8), (0, 30, 32, 2), (3, 0, 2, 32)])
def test_best_window_finds_the_brightest(place):
    heat, window = np.full((GRID, GRID), 0.1), Window(*place)
    window.of(heat)[:] = 1
    assert best_window(heat) == window and window.height * window.width == UNIFORM * GRID**2


def test_shared_window_is_uniform_for_places_that_people_do_not_share():
    maps, groups = np.zeros((400, GRID, GRID)), np.repeat(np.arange(40), 10)
    places = np.random.default_rng(0).integers(0, GRID, (40, 2))[groups]  # one pixel a person
    maps[np.arange(400), places[:, 0], places[:, 1]] = 1
    share = shared_window(maps, groups)
    assert share.low < UNIFORM < share.high
    heat = maps.mean(axis=0)  # chosen on the same maps it would flatter
    assert best_window(heat).of(heat).sum() > 1.5 * share.value


def test_shared_window_interval_is_students_over_people():
    rng, groups = np.random.default_rng(1), np.repeat(np.arange(12), 5)
    inside = np.clip(0.6 + rng.normal(0, 0.1, 12)[groups], 0, 1)
    maps = np.full((60, GRID, GRID), ((1 - inside) / (GRID**2 - 64))[:, None, None])
    maps[:, 4:12, 8:16] = (inside / 64)[:, None, None]
    expected = ttest_1samp(inside[::5], 0).confidence_interval()
    share = shared_window(maps, groups)
    assert (share.value, share.low, share.high) == pytest.approx((inside.mean(), expected.low, expected.high))
    assert not shared_window(maps[:30], groups[:30]).has_interval
    assert not shared_window(maps[:5], groups[:5]).is_defined


def test_spread_over_groups_takes_each_group_first():
    groups = np.repeat(np.arange(10), [50, *[2] * 9])
    rows = spread_over_groups(groups, 10)
    assert set(groups[rows]) == set(range(10)) and (rows != spread_over_groups(groups, 10, seed=1)).any()
    assert sorted(spread_over_groups(groups, 1000)) == list(range(len(groups)))


def test_compare_saliency_leaves_out_unreadable_faces_and_a_missing_class(tmp_path):
    paths = []
    for k, crop in enumerate(noise(24)):
        paths.append(str(tmp_path / f"{k}.png"))
        cv2.imwrite(paths[-1], crop)
    frame, groups = pd.DataFrame({"path": [*paths, str(tmp_path / "gone.png")]}), np.arange(25) // 2
    fake = np.ones(25, bool)
    result = compare_saliency(MeanInWindow(16, 32), SPEC, frame, fake, groups)
    assert result.real is None and result.fake.window == (8, 16, 8, 8) and result.fake.share.n == 24
    assert result.fake.share.value == pytest.approx(1) and result.fake.heat.sum() == pytest.approx(1)
    values = result.to_dict()
    assert values["fake"] == pytest.approx(1) and np.isnan(values["real"]) and values["uniform"] == UNIFORM
    blind = compare_saliency(MeanInWindow(0, 0, 0), SPEC, frame.iloc[:0], fake[:0], groups[:0])
    assert blind.fake is None and FACES == 64


def test_compare_saliency_of_a_constant_network_is_uniform(tmp_path):
    paths = [str(tmp_path / f"{k}.png") for k in range(10)]
    for path, crop in zip(paths, noise(10), strict=True):
        cv2.imwrite(path, crop)
    network = MeanInWindow(16, 32)
    network.scale.data.zero_()
    result = compare_saliency(network, SPEC, pd.DataFrame({"path": paths}), np.arange(10) > 0, np.arange(10))
    assert result.fake.share.value == pytest.approx(UNIFORM)
