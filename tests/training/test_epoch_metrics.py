"""Metrics of an epoch, compared with scikit-learn's."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle

from aletheia.training import fit_network, module
from aletheia.training.epoch_metrics import NAMES, EpochRows, epoch_metrics, merged


def by_scikit_learn(labels, logits) -> dict[str, float]:
    called = 1 / (1 + np.exp(-logits)) >= 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "accuracy": oracle.accuracy_score(labels, called),
            "precision": oracle.precision_score(labels, called, zero_division=np.nan),
            "recall": oracle.recall_score(labels, called, zero_division=np.nan),
            "f1": oracle.f1_score(labels, called, zero_division=np.nan),
            "auc": oracle.roc_auc_score(labels, logits) if 0 < np.mean(labels) < 1 else np.nan,
        }


@pytest.mark.parametrize("case", ["mixed", "all called real", "all called fake", "only real", "only fake", "ties"])
def test_epoch_metrics_match_scikit_learn(case):
    rng = np.random.default_rng(0)
    labels = (rng.random(200) < 0.4).astype(np.float32)
    logits = rng.normal(labels, 1.0)
    if case.startswith("all"):
        logits = np.where("real" in case, -1.0, 1.0) * np.abs(logits)
    elif case.startswith("only"):
        labels[:] = case == "only fake"
        logits = -np.abs(logits) if case == "only real" else logits
    elif case == "ties":
        logits = np.round(logits)
    ours = epoch_metrics(labels, logits)
    assert list(ours) == list(NAMES)
    for name, value in by_scikit_learn(labels, logits).items():
        assert ours[name] == pytest.approx(value, nan_ok=True, abs=1e-12), name


def test_epoch_metrics_without_rows():
    assert all(math.isnan(value) for value in epoch_metrics(*EpochRows().arrays()).values())
    assert math.isnan(EpochRows().mean_loss())


def test_epoch_rows_of_batches_and_processes():
    rows, other = EpochRows(), EpochRows()
    rows.add(torch.tensor([1.0, -2.0]), torch.tensor([1.0, 0.0]), loss=0.5)
    other.add(torch.tensor([3.0], requires_grad=True), torch.tensor([0.0]), loss=2.0)
    labels, logits = merged([rows, other]).arrays()
    assert labels.tolist() == [1, 0, 0] and logits.tolist() == [1, -2, 3]
    assert merged([rows, other]).mean_loss() == pytest.approx((0.5 * 2 + 2.0) / 3)


def test_fit_network_history_of_both_sets(discs, monkeypatch):
    seen = []

    def recorded(labels, logits):
        seen.append((labels, logits))
        return epoch_metrics(labels, logits)

    monkeypatch.setattr(module, "epoch_metrics", recorded)
    config = {"image_size": 48, "batch_size": 16, "max_epochs": 2, "learning_rate": 1e-2, "options": {"width": 8}}
    history = fit_network(config, *discs, progress=False).history
    assert [len(labels) for labels, _ in seen] == [112, 60] * 2  # 120 rows are seven batches of 16 and a rest
    for (labels, logits), (epoch, part) in zip(seen, [(0, "train"), (0, "val"), (1, "train"), (1, "val")], strict=True):
        for name, value in by_scikit_learn(labels, logits).items():
            assert history.loc[epoch, f"{part}_{name}"] == pytest.approx(value, nan_ok=True)
