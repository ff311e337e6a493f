"""The best small window: where it lies, and what it tells."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from aletheia.audit.position_control import GRID, WINDOW, _Discriminant, cell_values, position_scores, windows

from ..factories import soft_crops

FOLDS = [(np.arange(40, 160), np.arange(40)), (np.arange(120), np.arange(120, 160))]


def test_cell_values_of_known_crops():
    crop = np.zeros((48, 48, 3), np.uint8)
    crop[2:4, 6:8] = (10, 20, 30)
    values = cell_values(crop[None])[0]
    assert values.shape == (GRID, GRID, 4)
    np.testing.assert_allclose(values[1, 3, :3], (10, 20, 30))
    assert values[1, 3, 3] > 0 and not values[10:, 10:].any()


def test_windows_cover_the_crop():
    covered = np.zeros((GRID, GRID), bool)
    for y, x in windows():
        covered[y : y + WINDOW, x : x + WINDOW] = True
    assert covered.all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mark", "cancelled", "none"])
def test_position_scores_find_the_window(kind):
    """A mark of 6 pixels; one that brightens and darkens by turns, which only its energy shows; and nothing."""
    rng, fake = np.random.default_rng(3), np.arange(240) % 2 == 0
    crops = soft_crops(240, 2).astype(np.float32)
    sign = rng.choice([-1, 1], 240)[:, None, None, None] if kind == "cancelled" else 1
    strength = 0 if kind == "none" else 25
    pattern = np.kron([[1, -1, 1], [-1, 1, -1], [1, -1, 1]], np.ones((2, 2)))[None, :, :, None]
    part = (sign * pattern if kind == "cancelled" else 1) * strength
    crops[:, 20:26, 8:14] += np.where(fake[:, None, None, None], part, 0)
    crops = np.clip(crops, 0, 255).astype(np.uint8)
    scores, place, share = position_scores(crops[:160], fake[:160], crops[160:], FOLDS)
    auc = roc_auc_score(fake[160:], scores)
    assert share == (WINDOW / GRID) ** 2
    if kind == "none":
        assert 0.3 < auc < 0.7
    else:
        assert auc > 0.9
        x, y = (float(word.rstrip("%")) / 100 for word in place.split() if word.endswith("%"))
        # It overlaps with the mark, which covers .25 to .44 and .63 to .81.
        assert abs(x - 0.344) < (0.19 + WINDOW / GRID) / 2 and abs(y - 0.719) < (0.19 + WINDOW / GRID) / 2


def test_discriminant_orders_as_scikit_learn():
    rng = np.random.default_rng(0)
    fake = np.arange(400) % 2 == 0
    values = rng.normal(0, 1, (400, 6)) + fake[:, None] * np.array([1, 0, 0, 0.5, 0, 0])
    reference = LinearDiscriminantAnalysis().fit(values, fake).decision_function(values)
    assert np.corrcoef(_Discriminant(values, fake)(values), reference)[0, 1] > 0.97
