"""The search notebook's function under MLRun: iterations, the beaten ones marked, and the overview."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import mlrun
import pandas as pd
import pytest
from mlrun.model import HyperParamOptions

from aletheia.project import RunConfig, run_handler

from ..bucket_server import bucket_server, environment, forget, use
from ..dask_cluster import dask_cluster
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


@pytest.mark.slow
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


def use_cluster(client) -> str:
    """Note a cluster in the project, as the docs do; return its address there."""
    cluster = mlrun.new_function("cluster", kind="dask", image="unused")
    cluster.status.scheduler_address = client.scheduler.address
    cluster.save()
    return f"db://{cluster.metadata.project}/cluster"


@pytest.mark.slow
@pytest.mark.long
def test_search_on_a_cluster_ends_when_a_cell_kills_its_workers(mlrun_project, manifests, tmp_path):
    """The other cells are trained; the run ends as failed, and the error names the cell and what to do."""
    config = RunConfig.parse(
        {"learning_rates": RATES, "batch_sizes": [16], "image_size": 32, "recipe": {"num_threads": 1}}
    )
    handler = runpy.run_path(str(FUNCTION))["search_hyperparameters"]

    def search_hyperparameters(context, train: mlrun.DataItem, val: mlrun.DataItem, **options):
        import os

        from aletheia.training import search

        train_cell = search.train_cell

        def train_or_die(config, *faces):
            if config.learning_rate == 3e-3:
                os._exit(137)  # as the system ends a process that takes too much memory
            return train_cell(config, *faces)

        search.train_cell = train_or_die
        try:
            handler(context, train=train, val=val, **options)
        finally:
            search.train_cell = train_cell

    variables = {"MLRUN_DBPATH": mlrun.mlconf.dbpath, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    with (
        dask_cluster(tmp_path / "cluster", 2, **variables) as cluster,
        pytest.raises(mlrun.runtimes.utils.RunError) as raised,
    ):
        run_handler(
            search_hyperparameters,
            params={**config.params("search", "image_size", "recipe"), "epochs": 1},
            inputs=manifests,
            **config.search_arguments(parallel_runs=1, dask_cluster_uri=use_cluster(cluster.client)),
        )
    (run,) = mlrun.get_run_db().list_runs(project=mlrun_project.name, name="search-hyperparameters")
    assert run["status"]["state"] == "error"
    assert run["status"]["error"].startswith(
        "1 of 3 tasks failed; iteration 2: The cell learning_rate=0.003, batch_size=16 is not trained: 1 worker "
    )
    assert raised.value.__notes__ == [run["status"]["error"]]
    cells = mlrun.get_run_db().list_runs(project=mlrun_project.name, uid=run["metadata"]["uid"], iter=True)
    states = {cell["metadata"]["iteration"]: cell["status"]["state"] for cell in cells}
    assert states == {0: "error", 1: "completed", 2: "error", 3: "completed"}


@pytest.mark.slow
@pytest.mark.long
def test_search_on_a_cluster_survives_a_killed_worker(mlrun_project, manifests, tmp_path, monkeypatch):
    """MLRun's parallel_runs, with data and artifacts in buckets: table and best cell are those of one process."""
    served = tmp_path / "served"
    (served / "runs").mkdir(parents=True)
    for name, table in manifests.items():
        shutil.copytree(tmp_path / name, served / "faces" / name)
        faces = pd.read_parquet(table)
        faces["path"] = [f"{name}/{Path(path).name}" for path in faces["path"]]
        faces.assign(original=faces["path"]).to_parquet(served / "faces" / f"{name}.parquet")
    config = RunConfig.parse(
        {"learning_rates": RATES, "batch_sizes": [8, 16], "image_size": 32, "recipe": {"num_threads": 1}}
    )

    def search(**parallel) -> tuple[mlrun.RunObject, pd.DataFrame]:
        run = mlrun.new_function("search-hyperparameters", kind="local", command=str(FUNCTION)).run(
            handler="search_hyperparameters",
            params={**config.params("search", "image_size", "recipe"), "epochs": 2},
            inputs={name: f"s3://faces/{name}.parquet" for name in manifests},
            output_path="s3://runs/{{run.uid}}",
            **config.search_arguments(**parallel),
        )
        assert run.state() == "completed", run.error
        return run, mlrun.get_dataitem(run.outputs["iteration_results"]).as_df()

    with bucket_server(served) as port:
        use(monkeypatch, port, tmp_path / "here")
        alone, expected = search()
        with dask_cluster(tmp_path / "cluster", **environment(port), MLRUN_DBPATH=mlrun.mlconf.dbpath) as cluster:
            address = use_cluster(cluster.client)
            with cluster.one_killed(lambda: len(list((served / "runs").rglob("curves.csv"))) > 6):  # one cell is done
                run, cells = search(parallel_runs=3, dask_cluster_uri=address)
    times = ["output.seconds"]
    pd.testing.assert_frame_equal(cells.drop(columns=times), expected.drop(columns=times), rtol=0, atol=1e-9)
    assert cells["iter"].tolist() == [1, 2, 3, 4, 5, 6] and set(cells["state"]) == {"completed"}
    assert (cells["output.epochs"] == 2).all()
    assert json.loads(run.outputs["best"]) == json.loads(alone.outputs["best"])
    children = mlrun.get_run_db().list_runs(uid=run.metadata.uid, iter=True, project=mlrun_project.name)
    assert sorted(child["metadata"]["iteration"] for child in children) == [0, 1, 2, 3, 4, 5, 6]
    curves = sorted(file.parent.name for file in (served / "runs" / run.metadata.uid).rglob("curves.csv"))
    assert curves == ["1", "2", "3", "4", "5", "6"]
    mirrored = {file.relative_to(tmp_path / "cluster").parts[:2] for file in (tmp_path / "cluster").rglob("*.png")}
    assert len(mirrored) >= 2 and {part[1] for part in mirrored} == {"cache"}
    assert not list((tmp_path / "cluster").rglob("*.ckpt")) and not list((tmp_path / "cluster").rglob("grid-*"))
    forget()
