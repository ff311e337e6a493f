"""What the terminal says while a workflow runs, from real runs in the tracking service."""

from __future__ import annotations

import io

import mlrun
import pytest
from mlrun.model import HyperParamOptions
from rich.console import Console

from aletheia.project import progress as announce
from aletheia.project.progress import ProgressReporter, current_workflow


def cell(context, x: float = 0.0):
    """One cell of a grid; the lowest loss is 1."""
    context.log_result("loss", 1 + x * x)


def broken(context):
    """A step that fails."""
    raise ValueError("on purpose")


@pytest.fixture
def announcer(mlrun_project, monkeypatch):
    """An announcer of the workflow "w" of the test's project, and what it has said."""
    monkeypatch.setattr(announce, "current_workflow", lambda: (mlrun_project.name, "w"))
    return ProgressReporter(Console(file=io.StringIO(), width=100))


def said(announcer: ProgressReporter) -> list[str]:
    return [line.split(" ", 1)[1] for line in announcer.console.file.getvalue().splitlines()]


def run(project, handler, **arguments):
    function = mlrun.new_function(handler.__name__, project=project.name, kind="local")
    task = mlrun.new_task(name=handler.__name__, project=project.name)
    task.metadata.labels = {"workflow": "w"}
    return function.run(task, handler=handler, local=True, **arguments)


def test_each_state_is_told_once(announcer, mlrun_project):
    announcer.poll()
    assert said(announcer) == []
    run(mlrun_project, cell)
    announcer.poll()
    announcer.poll()
    assert said(announcer) == ["cell: completed"]
    with pytest.raises(Exception, match="on purpose"):
        run(mlrun_project, broken)
    announcer.poll()
    assert said(announcer) == ["cell: completed", "broken: error"]


def test_a_grid_shows_its_cells_and_the_lowest_loss(announcer, mlrun_project, capsys):
    seen = []

    def watched(context, x: float = 0.0):
        announcer.poll()  # as the thread does while a cell is at work
        seen.append([(bar.n, bar.total) for bar in announcer._bars.values()])
        context.log_result("loss", 1 + x * x)

    options = HyperParamOptions(strategy="grid", selector="min.loss")
    run(mlrun_project, watched, hyperparams={"x": [2.0, 0.0, 3.0]}, hyper_param_options=options)
    announcer.poll()
    assert seen[1:] == [[(1, 3)], [(2, 3)]]
    assert said(announcer) == ["watched: running", "watched: completed"]
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "lowest loss 1.0000" in shown


def test_a_tracking_service_that_is_gone_costs_nothing(announcer):
    class Gone:
        def list_runs(self, **_):
            raise ConnectionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mlrun, "get_run_db", Gone)
        announcer.poll()
    assert said(announcer) == []


def test_outside_of_a_workflow():
    assert current_workflow() == ("", "")
