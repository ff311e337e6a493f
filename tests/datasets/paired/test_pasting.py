"""Warps, colours and pastes, against values known beforehand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aletheia.datasets.paired.pasting import (
    METHODS,
    fit_similarity,
    paste,
    soft_edge,
    to_lab,
    transfer_colours,
    warp_piecewise,
    warp_similar,
    window_around,
)


def smooth(seed: int, shape: tuple[int, int] = (120, 160)) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (8, 8, 3)).astype(np.float32)
    return np.clip(cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def disc(shape: tuple[int, int] = (120, 160), radius: int = 30) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(y - 60, x - 80) < radius


def test_fit_similarity_recovers_turn_scale_and_shift():
    points = np.random.default_rng(0).normal(size=(9, 2))
    turn = 1.7 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    matrix = fit_similarity(points, points @ turn.T + (3, -5))
    np.testing.assert_allclose(matrix, np.column_stack([turn, (3, -5)]), atol=1e-12)


def test_warp_similar_shifts_and_shrinks():
    picture = smooth(0)
    shifted = warp_similar(picture, np.array([[1.0, 0, 7], [0, 1, 4]]), (120, 160))
    np.testing.assert_array_equal(shifted[4:, 7:], picture[:-4, :-7])
    # Stripes a pixel wide alias into anything when every fourth pixel is taken; their mean is grey.
    stripes = np.zeros((120, 160, 3), np.uint8)
    stripes[:, ::2] = 255
    small = warp_similar(stripes, np.array([[0.25, 0, 0], [0, 0.25, 0]]), (30, 40))
    assert np.abs(small.astype(int) - 127.5).max() <= 1.5


def test_warp_piecewise_moves_landmarks():
    grid = np.stack(np.meshgrid(np.linspace(20, 140, 5), np.linspace(15, 105, 4)), axis=-1).reshape(-1, 2)
    picture = smooth(1)
    same = warp_piecewise(picture, grid, grid, (120, 160))
    np.testing.assert_array_equal(same, picture)
    target = grid + np.random.default_rng(2).uniform(-6, 6, grid.shape)
    marked = np.zeros((120, 160, 3), np.float32)
    for index, (x, y) in enumerate(grid):
        cv2.circle(marked, (round(x - 0.5), round(y - 0.5)), 4, (50.0 + 10 * index,) * 3, -1)
    warped = warp_piecewise(marked.astype(np.uint8), grid, target, (120, 160))
    for index in (6, 7, 8, 11, 12, 13):  # the others lie on the outline, beyond which the similarity holds
        x, y = target[index]
        assert abs(int(warped[int(y), int(x), 0]) - (50 + 10 * index)) <= 2
    # Twice as large: as cubic interpolation of the part does it.
    double = warp_piecewise(picture, grid, 2 * grid, (240, 320))
    expected = cv2.resize(picture, (320, 240), interpolation=cv2.INTER_CUBIC)
    assert np.abs(double[40:-40, 50:-50].astype(int) - expected[40:-40, 50:-50]).max() <= 2


def test_transfer_colours_gives_mean_and_spread_within_the_mask():
    source, target, mask = smooth(3) // 3 + 80, smooth(4) // 4 + 60, disc()
    moved = to_lab(transfer_colours(source, target, mask))
    wanted = to_lab(target)
    np.testing.assert_allclose(moved[mask].mean(axis=0), wanted[mask].mean(axis=0), atol=0.4)
    ratio = wanted[mask].std(axis=0) / to_lab(source)[mask].std(axis=0)
    within = (ratio > 2 / 3) & (ratio < 1.5)
    assert within.any()
    np.testing.assert_allclose(moved[mask].std(axis=0)[within], wanted[mask].std(axis=0)[within], rtol=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_paste_changes_nothing_outside_the_mask(method):
    target, source, mask = smooth(5), smooth(6), disc()
    pasted = paste(target, source, mask, method, 3.0)
    np.testing.assert_array_equal(pasted[~mask], target[~mask])
    assert (pasted[mask] != target[mask]).any(axis=1).mean() > 0.8
    edge = mask & ~disc(radius=28)
    assert (
        np.abs(pasted[edge].astype(int) - target[edge]).mean()
        < 0.4 * np.abs(source[edge].astype(int) - target[edge]).mean()
    )
    np.testing.assert_allclose(paste(target, target, mask, method, 3.0), target, atol=2)
    np.testing.assert_array_equal(paste(target, source, np.zeros_like(mask), method, 3.0), target)
    np.testing.assert_array_equal(paste(target, source, np.ones_like(mask), method, 3.0)[:2], target[:2])


def test_poisson_keeps_gradients_and_alpha_keeps_values():
    target = np.full((120, 160, 3), 90, np.uint8)
    source = smooth(7) // 3 + 100
    mask = disc()
    core = disc(radius=12)
    alpha, poisson = (paste(target, source, mask, method, 3.0).astype(int) for method in METHODS)
    np.testing.assert_array_equal(alpha[core], source[core])
    assert abs(poisson[core].mean() - 90) < abs(alpha[core].mean() - 90)
    slope = np.diff(source.astype(int), axis=1)[core[:, 1:]]
    assert np.abs(np.diff(poisson, axis=1)[core[:, 1:]] - slope).mean() < 1.0


def test_soft_edge_and_window():
    mask = disc()
    weight = soft_edge(mask, 2.0)
    assert weight[~mask].max() == 0 and weight[60, 80] == 1 and 0 < weight[60, 80 + 28] < 0.5
    window, corner = window_around(mask, 5)
    assert mask[window].sum() == mask.sum()
    np.testing.assert_array_equal(corner, (80 - 29 - 5, 60 - 29 - 5))
