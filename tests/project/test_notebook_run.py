"""Functions for notebooks: run a handler in place, read results back, display them."""

from __future__ import annotations

import re

import mlrun
import pandas as pd
import plotly.graph_objects as go
import pytest
from mlrun.model import HyperParamOptions

from aletheia.core.errors import InputError
from aletheia.plotting import FigureArtifact
from aletheia.project import notebook_run
from aletheia.project.notebook_run import (
    display_artifact,
    display_options,
    display_results,
    last_outputs,
    local_path,
    run_handler,
)
from aletheia.project.run_config import RunConfig

PNG = bytes.fromhex("89504e470d0a1a0a") + b"the rest is not read"


def measure(context, factor: float = 1.0):
    """Log a result, a page, a picture and a table."""
    context.log_result("loss", (factor - 2) ** 2)
    context.log_artifact("page", body='<p title="a & b">page</p>', local_path="page.html", format="html")
    context.log_artifact("picture", body=PNG, local_path="picture.png", format="png")
    context.log_dataset("table", df=pd.DataFrame({"x": [factor]}), format="csv", index=False)
    context.log_result("where", "<here>")
    context.logger.info("in the log only")
    context.logger.warning("shown")
    print("printed")


def draw(context):
    """Log a figure of 333 pixels."""
    figure = go.Figure(layout={"height": 333})
    context.log_artifact(FigureArtifact("figure", figure))


def test_run_handler_tracked_by_handler_name(mlrun_project):
    run = run_handler(measure, params={"factor": 3.0})
    assert run.outputs["loss"] == 1.0
    stored = mlrun.get_run_db().read_run(run.metadata.uid, mlrun_project.name)
    assert stored["metadata"]["name"] == "measure"
    run_handler(measure, params={"factor": 5.0})
    assert last_outputs("measure")["loss"] == 9.0


def test_run_handler_grid_keeps_lowest_loss(mlrun_project):
    options = HyperParamOptions(strategy="grid", selector="min.loss")
    run = run_handler(measure, hyperparams={"factor": [0.0, 2.5, 4.0]}, hyper_param_options=options)
    assert run.outputs["loss"] == 0.25
    assert run.outputs["best_iteration"] == 2


def test_run_handler_empty_grid(mlrun_project):
    with pytest.raises(InputError, match="factor"):
        run_handler(measure, hyperparams={"factor": []})


def test_run_handler_grid_says_why_cells_failed(mlrun_project):
    def fail(context, factor: float):
        raise ValueError(f"{factor} is no good")

    options = HyperParamOptions(strategy="grid", selector="min.loss")
    with pytest.raises(mlrun.runtimes.utils.RunError) as raised:
        run_handler(fail, hyperparams={"factor": [2.5, 4.0]}, hyper_param_options=options)
    assert raised.value.__notes__ == ["2 of 2 tasks failed; iteration 1: 2.5 is no good; iteration 2: 4.0 is no good"]


def test_run_handler_ends_a_run_that_something_broke_into(mlrun_project):
    def interrupted(context):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_handler(interrupted)
    (run,) = mlrun.get_run_db().list_runs(project=mlrun_project.name, name="interrupted")
    assert run["status"]["state"] == "aborted"


def test_last_outputs_without_run(mlrun_project):
    with pytest.raises(InputError, match="no completed run of nothing"):
        last_outputs("nothing")


def test_display_artifact_page_and_picture(mlrun_project):
    run = run_handler(measure)
    assert display_artifact(run, "picture").data == PNG
    page = display_artifact(run, "page").data
    assert 'srcdoc="<p title=&quot;a &amp; b&quot;>page</p>"' in page
    with pytest.raises(InputError, match=r"logged no chart; it logged: .*page"):
        display_artifact(run, "chart")


def test_display_artifact_figure_at_its_own_height(mlrun_project):
    figure = display_artifact(run_handler(draw), "figure").data
    assert 'height="353" frameborder' in figure  # and the margins of a page


class Shell:
    """What a kernel tells about the cell that runs."""

    def __init__(self) -> None:
        self.execution_count, self.cell, self.code = 0, None, ""

    def run(self, cell, code="show()"):
        self.execution_count, self.cell, self.code = self.execution_count + 1, cell, code

    def get_parent(self):
        return {"metadata": {"cellId": self.cell} if self.cell else {}, "content": {"code": self.code}}


@pytest.mark.parametrize("with_ids", [True, False])
def test_display_artifact_library_once_for_a_notebook(mlrun_project, monkeypatch, with_ids):
    shell, run = Shell(), run_handler(draw)
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    monkeypatch.setattr(notebook_run, "_library_cell", notebook_run._LibraryCell())
    sizes = []
    # The first cell shows two plots, the second one; then the first is run again, whose output is replaced.
    for cell, plots in (("a", 2), ("b", 1), ("a", 1), ("b", 1)):
        shell.run(cell if with_ids else None, f"show({cell})")
        sizes += [len(display_artifact(run, "figure").data) for _ in range(plots)]
    assert [size > 1_000_000 for size in sizes] == [True, False, False, True, False]
    assert max(sizes) < 2_500_000
    assert min(sizes) < 20_000


def test_run_handler_prints_one_line_of_its_own(mlrun_project, capsys):
    capsys.readouterr()
    run = run_handler(measure)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"measure: completed (run {run.metadata.uid[:8]})"
    assert [line for line in lines[:-1] if not line.endswith("[warning] shown")] == ["printed"]
    log = mlrun.get_run_db().get_log(run.metadata.uid, mlrun_project.name)[1].decode()
    assert "in the log only" in log and "printed" in log


def test_display_results(mlrun_project):
    run = run_handler(measure, params={"factor": 2.5})
    table = display_results(run, "loss", "where").data
    cells = re.findall(r"<td[^>]*>(.*?)</td>", table)
    assert cells == ["loss", "0.250", "where", "&lt;here&gt;"]
    assert "loss" in display_results(run).data
    with pytest.raises(InputError, match="logged no auc; it logged: loss, where"):
        display_results(run, "auc")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ([], "none"),
        ({}, "none"),
        (["a < b", 2], "a &lt; b<br>2"),
        ({"too small": 3}, "too small: 3"),
        (0.12345, "0.123"),
        (5000.4, "5,000"),
        (float("inf"), "inf"),
        ("none", "none"),
    ],
)
def test_display_results_values(value, cell):
    run = mlrun.RunObject.from_dict({"status": {"results": {"x": value}}})
    assert re.findall(r"<td[^>]*>(.*?)</td>", display_results(run, "x").data) == ["x", cell]


def test_display_options():
    table = display_options(RunConfig(face_policy="aligned"), "face_policy").data
    cells = re.findall(r"<td[^>]*>(.*?)</td>", table)
    description = RunConfig.model_fields["face_policy"].description
    assert cells[:3] == ["<code>face_policy</code>", "<code>&#x27;aligned&#x27;</code>", description]
    assert cells[3] == "<code>seed</code>" and len(cells) == 6


def test_run_handler_without_project(monkeypatch):
    monkeypatch.setattr(mlrun, "get_current_project", lambda silent: None)
    with pytest.raises(InputError, match="open_project"):
        run_handler(measure)


@pytest.mark.parametrize(
    ("target", "path"),
    [("file:///a%20b/c.html", "/a b/c.html"), ("/a b/c%20.html", "/a b/c%20.html"), ("s3://x/y", "s3://x/y")],
)
def test_local_path_of_target(target, path):
    assert local_path(target) == path


def test_run_handler_refuses_unknown_parameters(mlrun_project):
    for words in ({"params": {"factr": 1.0}}, {"hyperparams": {"factr": [1.0]}}, {"inputs": {"factr": "x"}}):
        with pytest.raises(InputError, match=r"no (parameter|input) 'factr'; did you mean factor\?"):
            run_handler(measure, **words)
