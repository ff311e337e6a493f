"""What a notebook does with the project: run in place, read back, show."""

from __future__ import annotations

import mlrun
import pandas as pd
import pytest
from mlrun.model import HyperParamOptions

from aletheia.core.errors import InputError
from aletheia.project.notebook_run import display_artifact, last_outputs, local_path, run_handler

PNG = bytes.fromhex("89504e470d0a1a0a") + b"not looked at"


def measure(context, factor: float = 1.0):
    """Log a result, a page, a picture and a table."""
    context.log_result("loss", (factor - 2) ** 2)
    context.log_artifact("page", body='<p title="a & b">page</p>', local_path="page.html", format="html")
    context.log_artifact("picture", body=PNG, local_path="picture.png", format="png")
    context.log_dataset("table", df=pd.DataFrame({"x": [factor]}), format="csv", index=False)


def test_a_run_is_tracked_under_the_handlers_name(mlrun_project):
    run = run_handler(measure, params={"factor": 3.0})
    assert run.outputs["loss"] == 1.0
    stored = mlrun.get_run_db().read_run(run.metadata.uid, mlrun_project.name)
    assert stored["metadata"]["name"] == "measure"
    run_handler(measure, params={"factor": 5.0})
    assert last_outputs("measure")["loss"] == 9.0


def test_a_grid_keeps_the_lowest_loss(mlrun_project):
    options = HyperParamOptions(strategy="grid", selector="min.loss")
    run = run_handler(measure, hyperparams={"factor": [0.0, 2.5, 4.0]}, hyper_param_options=options)
    assert run.outputs["loss"] == 0.25
    assert run.outputs["best_iteration"] == 2


def test_a_grid_without_values(mlrun_project):
    with pytest.raises(InputError, match="factor"):
        run_handler(measure, hyperparams={"factor": []})


def test_outputs_of_what_never_ran(mlrun_project):
    with pytest.raises(InputError, match="no completed run of nothing"):
        last_outputs("nothing")


def test_pages_and_pictures_are_shown(mlrun_project):
    run = run_handler(measure)
    assert display_artifact(run, "picture").data == PNG
    page = display_artifact(run, "page").data
    assert 'srcdoc="<p title=&quot;a &amp; b&quot;>page</p>"' in page
    with pytest.raises(InputError, match=r"logged no chart; it logged: .*page"):
        display_artifact(run, "chart")


def test_no_project_is_open(monkeypatch):
    monkeypatch.setattr(mlrun, "get_current_project", lambda silent: None)
    with pytest.raises(InputError, match="open_project"):
        run_handler(measure)


@pytest.mark.parametrize(
    ("target", "path"),
    [("file:///a%20b/c.html", "/a b/c.html"), ("/a b/c%20.html", "/a b/c%20.html"), ("s3://x/y", "s3://x/y")],
)
def test_the_file_behind_a_target(target, path):
    assert local_path(target) == path
