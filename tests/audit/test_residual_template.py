"""The template of mean residuals: against closed forms, and on planted marks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.audit.residual_template import fit_template, residuals, template_scores

from ..factories import soft_crops


def test_residuals_of_flat_and_of_shifted_crops():
    crops = soft_crops(6, 0)
    assert not residuals(np.full((2, 32, 32, 3), 90, np.uint8)).any()
    values = residuals(crops)
    assert values.shape == (6, 32 * 32) and np.abs(values.mean(axis=1)).max() < 1e-3
    np.testing.assert_allclose(residuals(np.clip(crops, 0, 245) + 10), residuals(np.clip(crops, 0, 245)), atol=0.5)


def test_fit_template_against_t_statistics():
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(0)
    values, fake = rng.normal(0, 20, (60, 5)).astype(np.float32), np.arange(60) % 3 == 0
    values[fake, 2] += 30
    templates = fit_template(values, fake, (0.0, 1.0, 100.0))
    spread = np.sqrt((values[fake].var(0) * 20 + values[~fake].var(0) * 40) / 58) + 0.5
    t = ttest_ind(values[fake], values[~fake]).statistic * (spread - 0.5) / spread
    np.testing.assert_allclose(templates[:, 0] * spread, t, rtol=1e-3)
    np.testing.assert_allclose(
        templates[:, 1] * spread, np.sign(t) * np.maximum(np.abs(t) - 1, 0), rtol=1e-3, atol=1e-5
    )
    assert not templates[:, 2].any()


@pytest.mark.parametrize(("strength", "low", "high"), [(14, 0.9, 1.0), (0, 0.3, 0.7)])
def test_template_scores_faint_mark_and_none(strength, low, high):
    fake, crops = np.arange(240) % 2 == 0, soft_crops(240, 1).astype(np.float32)
    crops[fake, 6:12:2, 20:28] += strength
    crops = np.clip(crops, 0, 255).astype(np.uint8)
    folds = [(np.arange(40, 160), np.arange(40)), (np.arange(120), np.arange(120, 160))]
    scores, place, share = template_scores(crops[:160], fake[:160], crops[160:], folds)
    assert low < roc_auc_score(fake[160:], scores) <= high
    assert np.abs(scores).max() <= 1 + 1e-6
    if strength:
        words = [float(word.rstrip("%")) for word in place.split() if word.endswith("%")]
        np.testing.assert_allclose(words, (75, 27), atol=4)
        assert share < 0.15
