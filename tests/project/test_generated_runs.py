"""Generated functions under MLRun: run, chained through the store, shown with their help."""

import shutil

import pytest

from aletheia.project.functions import build_functions

READ = '''\
import json

import mlrun


def report(
    context: mlrun.MLClientCtx,
    data: mlrun.DataItem,
    more: mlrun.DataItem | None = None,
    names: list[str | None] | None = None,
    *,
    plus: int = -1,
):
    """Sum the numbers of a file.

    :param data:  a JSON list of numbers
    :param more:  another such list
    :param names: not used
    :param plus:  added to the sum
    """
    numbers = json.loads(data.get()) + (json.loads(more.get()) if more else [])
    total = sum(numbers) + plus
    context.log_result("total", total)
    context.log_artifact("copy", body=data.get(), local_path="copy.json")
'''


@pytest.fixture
def functions(mlrun_project, tmp_path, make):
    """The MLRun project with generated functions; the notebooks and their folder are gone."""
    root = make.write_project(tmp_path / "checkout")
    make.write_notebook(root / "notebooks" / "03-report.ipynb", make.notebook_cells(READ))
    build_functions(root)
    shutil.copytree(root / "functions", tmp_path / "project" / "functions")
    shutil.rmtree(root)
    for name in ("scale", "lengths", "report"):
        mlrun_project.set_function(f"functions/{name}/function.yaml", name=name)
    return mlrun_project


def test_generated_job_runs_and_stores_help(functions):
    import mlrun

    run = functions.run_function("scale", params={"factor": 21}, local=True)
    assert run.state() == "completed"
    assert run.outputs["product"] == 42
    assert functions.run_function("scale", local=True).outputs["product"] == -3.0  # the default, -1.5

    function = functions.get_function("scale")
    function.save()
    stored = mlrun.get_run_db().get_function("scale", project=functions.name)
    entry = stored["spec"]["entry_points"]["scale"]
    assert entry["doc"] == "Multiply two\nby a factor."
    factor = next(p for p in entry["parameters"] if p["name"] == "factor")
    assert factor == {
        "name": "factor",
        "type": "float",
        "doc": "what two is multiplied by; any number",
        "default": -1.5,
    }
    assert stored["spec"]["default_handler"] == "scale"


def test_generated_job_chains_artifacts(functions, tmp_path):
    (tmp_path / "numbers.json").write_text("[1, 2, 3]")
    first = functions.run_function("report", inputs={"data": str(tmp_path / "numbers.json")}, local=True)
    assert first.outputs["total"] == 5
    copy = first.outputs["copy"]
    second = functions.run_function("report", inputs={"data": copy}, params={"plus": 4}, local=True)
    assert second.outputs["total"] == 10
    both = functions.run_function("report", inputs={"data": copy, "more": copy}, local=True)
    assert both.outputs["total"] == 11


def test_generated_serving_function_answers(functions, tmp_path):
    function = functions.get_function("lengths")
    function.add_model("lengths", model_path=str(tmp_path))
    answer = function.to_mock_server().test("/v2/models/lengths/infer", {"inputs": ["abc"]})
    assert answer["outputs"] == [3]
