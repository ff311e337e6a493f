"""The search notebook's function under MLRun: iterations, the beaten ones marked, and the overview."""

from __future__ import annotations

import runpy
from pathlib import Path

import mlrun
import pytest
from mlrun.model import HyperParamOptions

from aletheia.project import run_handler

from ..factories import write_crops

FUNCTION = Path(__file__).parents[2] / "functions" / "search-hyperparameters" / "function.py"
RATES = [1e-4, 3e-3, 1e-2]


@pytest.mark.parametrize(("search", "epochs"), [("exhaustive", [2, 2, 2]), ("halving", [1, 1, 2])])
def test_search_under_mlrun(mlrun_project, tmp_path, monkeypatch, search, epochs):
    monkeypatch.setenv("ALETHEIA_DATA", str(tmp_path / "data"))
    manifests = {}
    for name, n, seed in (("train", 48, 1), ("val", 32, 2)):
        manifests[name] = str(tmp_path / f"{name}.parquet")
        write_crops(tmp_path / name, n, seed).to_parquet(manifests[name])
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
