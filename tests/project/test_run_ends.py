"""Runs that MLRun leaves as running end, and a grid says why its cells failed."""

from __future__ import annotations

import mlrun
import pytest

from aletheia.project.run_ends import end_runs

GRID = {"hyperparams": {"learning_rate": [1, 2, 3]}}


@pytest.fixture
def store(mlrun_project):
    """Stores a run and returns how the tracking service has it afterwards."""

    def stored(state: str, spec: dict | None = None, *, error: str = "", iteration: int = 0) -> dict:
        metadata = {"name": "search", "uid": "1", "iteration": iteration, "project": mlrun_project.name}
        run = {"metadata": metadata, "spec": spec or {}, "status": {"state": state, "error": error}}
        mlrun.get_run_db().store_run(run, "1", mlrun_project.name, iter=iteration)
        return run

    return stored


def ended(error: BaseException, project: str) -> dict:
    database = mlrun.get_run_db()
    end_runs(database.list_runs(project=project), project, error)
    return database.read_run("1", project)["status"]


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (RuntimeError("the cluster is gone"), "error", "the cluster is gone"),
        (TimeoutError(), "error", "TimeoutError"),
        (KeyboardInterrupt(), "aborted", "interrupted (Ctrl-C)"),
    ],
)
def test_end_runs_that_are_running(mlrun_project, store, error, state, text):
    store("running")
    status = ended(error, mlrun_project.name)
    assert (status["state"], status["error"]) == (state, text)


def test_end_runs_leaves_those_that_ended(mlrun_project, store):
    store("completed")
    assert ended(RuntimeError("another step failed"), mlrun_project.name)["state"] == "completed"
    store("error", error="its own")
    assert ended(RuntimeError("the same, from outside"), mlrun_project.name)["error"] == "its own"


def test_end_runs_of_a_grid_names_its_cells(mlrun_project, store):
    store("error", GRID, error="2 of 3 tasks failed, check logs in db for details")
    for iteration, error in ((1, "no memory"), (2, ""), (3, "no memory")):
        store("error" if error else "completed", error=error, iteration=iteration)
    status = ended(RuntimeError("2 of 3 tasks failed"), mlrun_project.name)
    assert (status["state"], status["error"]) == ("error", "2 of 3 tasks failed; iteration 1, 3: no memory")
