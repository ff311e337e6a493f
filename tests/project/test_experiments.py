"""Runs of workflows, found and compared."""

from __future__ import annotations

import uuid

import httpx
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.project import experiments
from aletheia.project.experiments import (
    Experiment,
    compare_experiments,
    experiment_table,
    find_experiment,
    list_experiments,
)


def experiment(uid: str = "a" * 32, **values) -> Experiment:
    parameters = {"source": "synthetic", "epochs": 3}
    results = {"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95, "seconds": 5.0}
    given = {"parameters": parameters, "results": results, "steps": {}, "label": "", "state": "completed"}
    return Experiment(uid=uid, name="main", started="2026-01-02T03:04:05", **{**given, **values})


def test_list_experiments(tracking_url):
    project, uids = f"list-{uuid.uuid4().hex[:8]}", [uuid.uuid4().hex for _ in range(3)]
    http = httpx.Client(base_url=tracking_url, trust_env=False, timeout=120)
    http.post("/api/v1/projects", json={"metadata": {"name": project}}).raise_for_status()

    def add(uid: str, name: str, labels: dict, day: int = 1, **status) -> None:
        body = {
            "metadata": {"name": name, "uid": uid, "labels": labels},
            "spec": {"parameters": {"seed": day}},
            "status": {"state": "completed", "start_time": f"2026-01-0{day}T00:00:00+00:00", **status},
        }
        http.post(f"/api/v1/projects/{project}/runs/{uid}", json=body).raise_for_status()

    for day, uid in enumerate(uids[:2], start=1):
        labels = {"kind": "workflow", "workflow": uid, "experiment": f"e{day}"}
        add(uid, "main", labels, day, results={"auc": day / 4}, error="none")
    add(uids[2], "evaluate", {"workflow": uids[0]})
    add(uuid.uuid4().hex, "train", {})  # of a notebook
    newest, first = list_experiments(project, tracking_url)
    assert (newest.uid, newest.label, newest.parameters, newest.steps) == (uids[1], "e2", {"seed": 2}, {})
    assert first.steps == {"evaluate": uids[2]} and first.result("auc") == 0.25
    assert pd.isna(first.result("nothing"))


def test_find_experiment():
    one, two, old = experiment("abc1" * 8), experiment("abc2" * 8, label="night"), experiment("d" * 32, label="night")
    known = [one, two, old]
    assert find_experiment(known, "ABC1") is one
    assert find_experiment(known, "night") is two, "the newest"
    two_found = "the beginning of 2 runs; there are: abc1abc1, abc2abc2"
    for word, message in (("abc", two_found), ("x", "no run"), ("", "no run")):
        with pytest.raises(InputError, match=message):
            find_experiment(known, word)
    with pytest.raises(InputError, match="none yet"):
        find_experiment([], "a")


def test_compare_experiments_lists_what_differs(monkeypatch):
    monkeypatch.setattr(experiments, "load_scores", lambda *_: pd.DataFrame({"label": ["real"]}))
    first = experiment(parameters={"epochs": 3, "seed": 0, "recipe.optimizer": "sgd"})
    second = experiment("b" * 32, parameters={"epochs": 5, "seed": 0}, results={"auc": 0.8, "seconds": 9.0})
    result = compare_experiments(first, second, "p")
    assert result.parameters.values.tolist() == [["epochs", 3, 5], ["recipe.optimizer", "sgd", None]]
    assert result.results["name"].tolist() == ["auc", "auc_low", "auc_high"], "seconds always differ"
    assert result.scores is None and "sha256" in result.reason


def test_compare_experiments_leaves_out_what_a_column_replaced(monkeypatch):
    ranges = {"search_columns": {"learning_rate": "1e-4..1e-2"}}
    first = experiment(parameters={"learning_rates": [1e-3], "batch_sizes": [8], **ranges})
    second = experiment("b" * 32, parameters={"learning_rates": [1e-4, 1e-2], "batch_sizes": [16], **ranges})
    assert list(compare_experiments(first, second).parameters.name) == ["batch_sizes"]


def test_compare_experiments_of_one_run():
    with pytest.raises(InputError, match="Both name the run aaaaaaaa"):
        compare_experiments(experiment(), experiment())


def test_experiment_table():
    table = experiment_table([experiment(), experiment("b" * 32, results={})])
    assert table["run"].tolist() == ["aaaaaaaa", "bbbbbbbb"]
    assert table["param.epochs"].tolist() == [3, 3] and table["auc"].isna().tolist() == [False, True]
