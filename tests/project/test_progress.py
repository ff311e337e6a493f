"""Progress on the terminal while a workflow runs, from real runs in the tracking service."""

from __future__ import annotations

import io

import mlrun
import pytest
from mlrun.model import HyperParamOptions
from rich.console import Console

from aletheia.project.progress import ProgressReporter, current_workflow, label_of_steps
from aletheia.tracking.process_label import process_label


def cell(context, x: float = 0.0):
    """One cell of a grid; the lowest loss is 1."""
    context.log_result("loss", 1 + x * x)


def broken(context):
    """A step that fails."""
    raise ValueError("on purpose")


@pytest.fixture
def reporter(mlrun_project, monkeypatch):
    """A reporter of the workflow "w" of the test's project."""
    monkeypatch.setattr("aletheia.project.progress.current_workflow", lambda: (mlrun_project.name, "w"))
    return ProgressReporter(Console(file=io.StringIO(), width=100))


def printed(reporter: ProgressReporter) -> list[str]:
    """Lines on the terminal without their times."""
    return [line.split(" ", 1)[1] for line in reporter.console.file.getvalue().splitlines()]


def run(project, handler, **arguments):
    function = mlrun.new_function(handler.__name__, project=project.name, kind="local")
    task = mlrun.new_task(name=handler.__name__, project=project.name)
    task.metadata.labels = {"workflow": "w"}
    return function.run(task, handler=handler, local=True, **arguments)


def test_poll_prints_each_state_once(reporter, mlrun_project):
    reporter.poll()
    assert printed(reporter) == []
    run(mlrun_project, cell)
    reporter.poll()
    reporter.poll()
    assert printed(reporter) == ["cell: completed"]
    with pytest.raises(Exception, match="on purpose"):
        run(mlrun_project, broken)
    reporter.poll()
    assert printed(reporter) == ["cell: completed", "broken: error"]


def test_poll_grid_shows_cells_and_lowest_loss(reporter, mlrun_project, capsys):
    bars = []

    def watched(context, x: float = 0.0):
        reporter.poll()  # as the thread does while a cell is at work
        bars.append([(bar.n, bar.total) for bar in reporter._bars.values()])
        context.log_result("loss", 1 + x * x)

    options = HyperParamOptions(strategy="grid", selector="min.loss")
    run(mlrun_project, watched, hyperparams={"x": [2.0, 0.0, 3.0]}, hyper_param_options=options)
    reporter.poll()
    assert bars[1:] == [[(1, 3)], [(2, 3)]]
    assert printed(reporter) == ["watched: running", "watched: completed"]
    terminal = capsys.readouterr().err
    assert "3/3" in terminal
    assert "lowest loss 1.0000" in terminal


def test_poll_without_tracking_service(reporter):
    class Gone:
        def list_runs(self, **_):
            raise ConnectionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mlrun, "get_run_db", Gone)
        reporter.poll()
    assert printed(reporter) == []


def test_current_workflow_outside_of_one():
    assert current_workflow() == ("", "")
    assert label_of_steps() == {}


def test_label_of_steps(reporter, monkeypatch):
    assert label_of_steps() == process_label()
    monkeypatch.setattr(type(mlrun.mlconf), "is_api_running_on_k8s", lambda self: True)
    assert label_of_steps() == {}, "a pod goes on when this process ends"
