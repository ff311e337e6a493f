"""project.yaml: functions listed from the notebooks, everything else kept."""

from __future__ import annotations

import pytest
import yaml

from aletheia.core.errors import InputError
from aletheia.project.functions import build_functions
from aletheia.project.project_yaml import definition, find_workflow, read_definition, write_functions

WORKFLOW = {"name": "main", "path": "workflows/main.py", "engine": "local", "args": {"seed": 3}}


def entry(name: str, url: str = "") -> dict[str, str]:
    return {"name": name, "url": url or f"functions/{name}/function.yaml"}


def write(root, *functions, **more):
    project = {"kind": "project", "metadata": {"name": "p"}, "spec": {"functions": list(functions), **more}}
    (root / "project.yaml").write_text(yaml.safe_dump(project))


def functions_of(root):
    return read_definition(root)["spec"]["functions"]


def test_write_functions_order_and_rest(tmp_path):
    hub = entry("describe", "hub://describe")
    write(tmp_path, hub, entry("b", "./b.yaml"), entry("gone"), workflows=[WORKFLOW], description="text")
    assert write_functions(tmp_path, ["a", "b"]) == [tmp_path / "project.yaml"]
    assert functions_of(tmp_path) == [entry("a"), entry("b"), hub]
    assert read_definition(tmp_path)["spec"] | {"functions": 0} == {
        "functions": 0,
        "workflows": [WORKFLOW],
        "description": "text",
    }
    assert write_functions(tmp_path, ["a", "b"]) == []


def test_write_functions_of_a_notebook_wins_over_a_hub(tmp_path):
    write(tmp_path, entry("a", "hub://a"))
    write_functions(tmp_path, ["a"])
    assert functions_of(tmp_path) == [entry("a")]


def test_build_functions_lists_all_notebooks(tmp_path, make):
    root = make.write_project(tmp_path)
    make.write_notebook(root / "notebooks" / "00-first.ipynb", make.notebook_cells(make.JOB))
    written = build_functions(root, ["first"])
    assert [path.name for path in written] == ["function.py", "function.yaml", "project.yaml"]
    assert functions_of(root) == [entry("first"), entry("scale"), entry("lengths")]


def test_build_functions_without_project_yaml(tmp_path, make):
    root = make.write_project(tmp_path)
    (root / "project.yaml").unlink()
    assert len(build_functions(root)) == 4
    assert not (root / "project.yaml").exists()


def test_definition_keeps_what_lasts():
    spec = {
        "functions": [entry("hub", "hub://x"), entry("b"), entry("a")],
        "source": "/home/me",
        "owner": "me",
        "params": {},
        "description": "text",
        "model_monitoring": {"enabled": False},
    }
    project = {"metadata": {"name": "p", "created": "now", "labels": {"x": "y"}}, "spec": spec}
    assert definition(project, ["a", "b"]) == {
        "kind": "project",
        "metadata": {"name": "p", "labels": {"x": "y"}},
        "spec": {"functions": [entry("a"), entry("b"), entry("hub", "hub://x")], "description": "text"},
    }


def test_find_workflow(tmp_path):
    write(tmp_path, workflows=[WORKFLOW, {"name": "mine", "path": "m.py", "handler": "run"}, {"name": "inline"}])
    project = read_definition(tmp_path)
    assert find_workflow(project, "main") == ("workflows/main.py", "main")
    assert find_workflow(project, "mine") == ("m.py", "run")
    with pytest.raises(InputError, match="no workflow 'inline' with a path; there are: main, mine, inline"):
        find_workflow(project, "inline")


def test_read_definition_missing(tmp_path):
    with pytest.raises(InputError, match=r"There is no .*project\.yaml"):
        read_definition(tmp_path)


def test_read_definition_without_a_name(tmp_path):
    (tmp_path / "project.yaml").write_text("{kind: project, spec: {functions: []}}")
    with pytest.raises(InputError, match=r"is no MLRun project \('metadata'\)\. Restore it from git"):
        read_definition(tmp_path)
