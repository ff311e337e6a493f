"""The search notebook's function under MLRun: iterations, the beaten ones marked, and the overview."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import mlrun
import pytest
from mlrun.model import HyperParamOptions

from aletheia.project import RunConfig, run_handler

from ..factories import write_crops

FUNCTION = Path(__file__).parents[2] / "functions" / "search-hyperparameters" / "function.py"
RATES = [1e-4, 3e-3, 1e-2]


@pytest.fixture
def manifests(tmp_path, monkeypatch):
    """Faces to train on and to validate with."""
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path / "data"))
    paths = {}
    for name, n, seed in (("train", 48, 1), ("val", 32, 2)):
        paths[name] = str(tmp_path / f"{name}.parquet")
        write_crops(tmp_path / name, n, seed).to_parquet(paths[name])
    return paths


@pytest.mark.parametrize(("search", "epochs"), [("exhaustive", [2, 2, 2]), ("halving", [1, 1, 2])])
def test_search_under_mlrun(mlrun_project, tmp_path, manifests, search, epochs):
    function = runpy.run_path(str(FUNCTION))
    options = {"search": search, "learning_rates": RATES, "batch_sizes": [16], "image_size": 32, "epochs": 2}
    run = run_handler(
        function["search_hyperparameters"],
        params={**options, "recipe": {"num_threads": 1}},
        inputs=manifests,
        hyperparams={"learning_rate": RATES, "batch_size": [16]},
        hyper_param_options=HyperParamOptions(strategy="grid", selector="min.loss"),
    )
    cells = mlrun.get_dataitem(run.outputs["iteration_results"]).as_df()
    assert set(cells["state"]) == {"completed"}
    assert sorted(cells["output.epochs"]) == epochs
    assert cells["output.stopped"].tolist() == [int(n < 2) for n in cells["output.epochs"]]
    best = cells.loc[cells["output.loss"].idxmin()]
    assert best["output.stopped"] == 0
    assert run.outputs["best_learning_rate"] == best["param.learning_rate"]
    overview = run_handler(function["search_overview"], inputs={"iteration_results": run.outputs["iteration_results"]})
    results = overview.status.results
    assert (results["cells"], results["stopped"], results["epochs"]) == (3, sum(n < 2 for n in epochs), sum(epochs))
    assert list((tmp_path / "data" / "checkpoints").iterdir()) == []


@pytest.mark.parametrize("search", ["random", "optuna"])
def test_search_of_more_columns_under_mlrun(mlrun_project, manifests, search):
    """One parent run; whole numbers stay so; the winner by another selector goes on as one dictionary."""
    function = runpy.run_path(str(FUNCTION))
    config = RunConfig.parse(
        {
            "search": search, "search_trials": 3, "search_selector": "max.auc", "batch_sizes": [8, 16],
            "image_size": 32,
            "search_columns": {"learning_rate": ["1e-4..1e-2"], "optimizer": ["sgd", "adam"]},
            "recipe": {"num_threads": 1},
        }
    ).check()  # fmt: skip
    run = run_handler(
        function["search_hyperparameters"],
        params={**config.params("search", "image_size", "recipe"), "epochs": 1},
        inputs=manifests,
        **config.search_arguments(),
    )
    cells = mlrun.get_dataitem(run.outputs["iteration_results"]).as_df()
    assert len(cells) == 3 and set(cells["state"]) == {"completed"}
    best = cells.loc[cells["output.auc"].idxmax()]
    point = json.loads(run.outputs["best"])
    assert point == json.loads(best["output.best"]) and type(point["batch_size"]) is int
    assert set(point) == {"learning_rate", "batch_size", "optimizer"}
    overview = run_handler(
        function["search_overview"],
        params={"selector": config.search_selector, "pair": ["optimizer", "learning_rate"]},
        inputs={"iteration_results": run.outputs["iteration_results"]},
    )
    assert overview.status.results["cells"] == 3
    trained = config.train_config(**point)
    assert trained.optimizer == point["optimizer"]
