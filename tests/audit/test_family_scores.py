"""Scores of families side by side: the same numbers from any number of threads."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from aletheia.audit import family_scores
from aletheia.audit.family_scores import Scorer, score_tables
from aletheia.stats.tabular import Columns, make_folds


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    rng = np.random.default_rng(0)
    fake, groups = rng.random(1000) < 0.5, np.arange(1000) // 2
    return Scorer(fake, make_folds(groups, fake, rng), groups, seed=3, confidence=0.95)


@pytest.fixture(scope="module")
def tables(scorer):
    rng, fake = np.random.default_rng(1), scorer.fake
    values = {
        "nothing": rng.random((1000, 2)),
        "telling": np.column_stack([rng.normal(fake * 3.0), rng.random(1000)]),
        "wide": rng.random((1000, 3)),
    }
    return {key: (Columns(("a", "b", "c")[: v.shape[1]], ("A", "B", "C")[: v.shape[1]], (False,) * v.shape[1]), v)
            for key, v in values.items()}  # fmt: skip


def test_score_tables_in_threads_as_in_one(scorer, tables, monkeypatch):
    names = set()

    @dataclasses.dataclass(frozen=True)
    class Watched(Scorer):
        def __call__(self, table):
            names.add(threading.current_thread().name)
            return super().__call__(table)

    monkeypatch.setattr(family_scores, "map_processes", None)  # of few rows no process is started
    watched = Watched(**vars(scorer))
    one = score_tables(watched, tables, 1)
    assert names == {threading.current_thread().name}
    check_same(one, score_tables(watched, tables, 2), tables)
    assert len(names) > 1
    # The best that two normal distributions three standard deviations apart allow is 0.983.
    best = roc_auc_score(scorer.fake, tables["telling"][1][:, 0])
    assert best - 0.02 < one["telling"].auc < best + 0.005
    assert abs(one["nothing"].auc - 0.5) < 0.06


@pytest.mark.slow
def test_score_tables_of_many_rows_in_processes_as_in_one(scorer, tables, monkeypatch):
    started = []
    monkeypatch.setattr(family_scores, "_MIN_ROWS", 1000)
    whole = family_scores.map_processes
    monkeypatch.setattr(family_scores, "map_processes", lambda *a: started.append(a[2]) or whole(*a))
    check_same(score_tables(scorer, tables, 1), score_tables(scorer, tables, 2), tables)
    assert started == [2]


def test_score_tables_on_a_cluster_as_here(scorer, tables, monkeypatch):
    from distributed import Client, LocalCluster

    here = score_tables(scorer, tables, 1)
    monkeypatch.setattr(family_scores, "_map_threads", None)  # the cluster instead
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as local, Client(local) as client:
        check_same(here, score_tables(scorer, tables, 2, client), tables)


def check_same(one, two, tables):
    assert set(one) == set(two) == set(tables)
    for key in tables:
        assert (one[key].auc, one[key].low, one[key].high) == (two[key].auc, two[key].low, two[key].high)
        pd.testing.assert_frame_equal(one[key].features, two[key].features)
        np.testing.assert_array_equal(one[key].scores, two[key].scores)
