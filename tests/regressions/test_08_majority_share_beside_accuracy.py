"""Bug 8: accuracy without the share of the majority class beside it."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.stats.metrics import evaluate_scores
from aletheia.stats.scored_set import ScoredSet


@pytest.mark.parametrize("fakes", [18, 50, 82])
def test_evaluate_scores_majority_share_beside_accuracy(fakes):
    y = np.array([1] * fakes + [0] * (100 - fakes))
    always = np.full(100, 0.9 if fakes >= 50 else 0.1)  # the larger class for everybody
    m = evaluate_scores(ScoredSet(y, always), replicates=50)
    assert m.majority_share == max(fakes, 100 - fakes) / 100
    assert m["accuracy"].value == m.majority_share
    # What such a model is worth shows elsewhere.
    assert m["balanced_accuracy"].value == 0.5 and m["auc"].value == 0.5
    for view in (m.flat(), m.to_dict()):
        assert view["majority_share"] == m.majority_share
