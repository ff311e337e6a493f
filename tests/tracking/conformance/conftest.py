"""Fixtures of the conformance suite: the stock MLRun client against a tracking server.

The expectations are the client's documented behaviour, so the same tests can be pointed at a real MLRun API
server: ``MLRUN_CONFORMANCE_DBPATH=http://… pytest tests/tracking/conformance``.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

HANDLERS = textwrap.dedent(
    '''
    import mlrun


    def train(context, lr: float = 0.1, batch: int = 8):
        """Pretend to train; the loss follows from the parameters."""
        context.log_result("loss", abs(lr - 0.01) + batch / 1000)
        context.log_artifact("note", body=f"lr={lr} batch={batch}".encode(), local_path="note.txt")
        context.log_model(
            "model",
            body=f"weights of lr={lr}".encode(),
            model_file="model.bin",
            metrics={"loss": abs(lr - 0.01)},
        )
        context.logger.info("trained")
        print("one line of output")


    def prepare(context, rows: int = 3):
        import pandas

        context.log_dataset("table", df=pandas.DataFrame({"x": range(rows)}), format="csv", index=False)


    def count(context, table: mlrun.DataItem):
        context.log_result("rows", len(table.as_df()))


    def fail(context):
        raise ValueError("the reason it failed")
    '''
)


@pytest.fixture(scope="session")
def tracking_url(request: pytest.FixtureRequest) -> str:
    """The server under test: that of the environment, else the embedded service."""
    return os.environ.get("MLRUN_CONFORMANCE_DBPATH") or request.getfixturevalue("embedded_url")


@pytest.fixture
def project(mlrun_project, tmp_path: Path):
    """A project with one function, ``worker``, that has the handlers above."""
    (tmp_path / "worker.py").write_text(HANDLERS)
    mlrun_project.set_function(str(tmp_path / "worker.py"), "worker", kind="job", image="mlrun/mlrun")
    mlrun_project.save()
    return mlrun_project


@pytest.fixture
def db(project):
    import mlrun

    return mlrun.get_run_db()


@pytest.fixture
def run(project) -> Callable:
    """Run a handler of the project's function here."""

    def call(handler: str = "train", name: str = "", **arguments):
        return project.run_function("worker", name=name or handler, handler=handler, local=True, **arguments)

    return call


@pytest.fixture
def grid(run) -> Callable:
    """Run a grid over three learning rates, of which the second is the best."""

    def call():
        import mlrun

        options = mlrun.model.HyperParamOptions(selector="min.loss")
        return run(name="grid", hyperparams={"lr": [0.5, 0.01, 0.1]}, hyper_param_options=options)

    return call
