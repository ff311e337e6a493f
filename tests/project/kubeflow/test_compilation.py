"""From steps to a plan for the compiler, and what is refused before it; the compiler itself runs in the slow tests."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest
import yaml

from aletheia.core.errors import InputError
from aletheia.project.kubeflow.compilation import FIXED, compile_workflow, literal, make_plan
from aletheia.project.kubeflow.steps import record_steps
from aletheia.project.run_config import RunConfig

from ...packaging.commands import ROOT

WORKFLOW = Path("workflows", "main.py")
CONFIG = RunConfig.parse({"source": "synthetic", "epochs": 7})


def test_every_option_that_a_step_takes_is_a_parameter():
    plan = make_plan(record_steps(ROOT / WORKFLOW, CONFIG), CONFIG)
    assert plan["parameters"]["epochs"] == "7" and plan["parameters"]["source"] == "synthetic"
    assert not set(FIXED) & plan["parameters"].keys()
    assert plan["nothing"] == {"leave_out": "[]"} and plan["parameters"]["leave_out"] == "[]"
    assert all(value != "" or isinstance(getattr(CONFIG, name), str) for name, value in plan["parameters"].items())
    groups = [(group["only_with"], len(group["steps"])) for group in plan["steps"]]
    assert groups == [*[("", 1)] * 6, ("leave_out", 2), ("", 1)]


@pytest.mark.parametrize(
    "value", ["1.0", "v1.0.0", "None", "a, b", "", "True", 3, 0.25, None, True, ["x", 1], {"a": 2}]
)
def test_literal_is_read_as_the_same_value(value):
    """By the function with which MLRun's command line reads it."""
    from mlrun.__main__ import py_eval

    assert py_eval(literal(value)) == value


def test_refuses_before_it_compiles(tmp_path):
    with pytest.raises(InputError, match="make setup-kfp"):
        compile_workflow(tmp_path, CONFIG, tmp_path / "out.yaml", python=tmp_path / "python")
    (tmp_path / "workflows").mkdir()
    (tmp_path / WORKFLOW).write_bytes((ROOT / WORKFLOW).read_bytes())
    functions = [{"name": "train", "url": "functions/train/function.yaml"}]
    spec = {"functions": functions, "workflows": [{"name": "main", "path": str(WORKFLOW)}]}
    project = {"kind": "project", "metadata": {"name": "p"}, "spec": spec}
    (tmp_path / "project.yaml").write_text(yaml.safe_dump(project))
    with pytest.raises(InputError, match="extract-faces"):
        compile_workflow(tmp_path, CONFIG, tmp_path / "out.yaml", python=Path(sys.executable))
    options = {"workflow": "other", "python": Path(sys.executable)}
    with pytest.raises(InputError, match="lists no workflow 'other' with a path; there are: main"):
        compile_workflow(tmp_path, CONFIG, tmp_path / "out.yaml", **options)
    with pytest.raises(InputError, match="name a folder on a volume as ALETHEIA_DATA"):
        compile_workflow(tmp_path, CONFIG, tmp_path / "out.yaml", python=Path(sys.executable), artifact_path="/runs")
    assert not (tmp_path / "out.yaml").exists()


def test_replay_needs_no_more_than_the_compiler_has():
    """It runs where this package is not: beside the standard library it imports MLRun and Kubeflow's compiler alone."""
    file = Path(importlib.util.find_spec("aletheia.project.kubeflow.replay").origin)
    imports = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in imports if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} - sys.stdlib_module_names == {"mlrun", "kfp"}
