"""Bug 10: files that could not be read were scored 0.5 and counted."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from aletheia.models.registry import create_model
from aletheia.models.scoring import score_manifest
from aletheia.models.spec import ModelSpec
from aletheia.stats.metrics import evaluate_scores
from aletheia.stats.scored_set import ScoredSet


@pytest.fixture
def scored(tmp_path):
    torch.manual_seed(0)
    model = create_model("attention_cnn", width=4).eval()
    spec = ModelSpec(architecture="attention_cnn", options={"width": 4}, input_size=32)
    rng = np.random.default_rng(0)
    rows = []
    for index in range(20):
        path = tmp_path / f"{index}.jpg"
        if index in (3, 11):
            path.write_bytes(b"\xff\xd8\xff but no picture")
        elif index != 7:
            cv2.imwrite(str(path), rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        rows.append({"path": str(path), "label": "fake" if index % 2 else "real"})
    frame = pd.DataFrame(rows)
    return frame, score_manifest(model, spec, frame, progress=False)


def test_score_manifest_unreadable_files_have_no_score(scored):
    frame, scores = scored
    failed = [3, 7, 11]
    assert np.flatnonzero(np.isnan(scores.probabilities)).tolist() == failed
    assert scores.skipped["path"].tolist() == frame["path"].iloc[failed].tolist()
    assert not (scores.probabilities == 0.5).any()


def test_evaluate_scores_leaves_out_unreadable_files(scored):
    frame, scores = scored
    y = (frame["label"] == "fake").to_numpy().astype(int)
    m = evaluate_scores(ScoredSet(y, scores.probabilities), replicates=20)
    read = ~np.isnan(scores.probabilities)
    without = evaluate_scores(ScoredSet(y[read], scores.probabilities[read]), replicates=20)
    assert (m.n, m.n_unreadable) == (17, 3)
    assert sum(m.confusion.values()) == 17
    assert m.flat() == without.flat() | {"n_unreadable": 3}
    counted = evaluate_scores(ScoredSet(y, np.nan_to_num(scores.probabilities, nan=0.5)), replicates=20)
    assert counted["log_loss"].value != m["log_loss"].value  # it would have made a difference
