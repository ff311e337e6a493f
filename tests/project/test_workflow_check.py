"""Workflows whose steps do not fit the functions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.project.workflow_check import check_workflow, refuse_faulty_workflow

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "workflows" / "main.py").read_text()


@pytest.fixture
def project(tmp_path):
    """The functions of this project, and a folder for a workflow."""
    shutil.copytree(ROOT / "functions", tmp_path / "functions")
    (tmp_path / "workflows").mkdir()
    return tmp_path


def test_check_workflow_of_this_project():
    assert check_workflow(ROOT, ROOT / "workflows" / "main.py") == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            '"epochs": config.search_epochs',
            '"epoch": 3',
            "search_hyperparameters has no parameter 'epoch'; did you mean",
        ),
        ('"network_controls": config', '"network_control": config', "evaluate has no parameter 'network_control'; did"),
        ('config.params("data", "faces")', 'config.params("data", "training")', "extract_faces has no parameter 'arch"),
        ('handler="search_overview"', 'handler="overview"', "has no handler 'overview'; did you mean search_overview?"),
        ('"evaluate",\n', '"evalute",\n', "the project has no function 'evalute'; did you mean evaluate?"),
        ('{"model": train.outputs["model"], **sets', '{"modl": 1, **sets', "evaluate has no input 'modl'"),
        ('hyperparams={"leave_out"', 'hyperparams={"leaveout"', "cross_test has no parameter 'leaveout'"),
        ('prepare.outputs["test"]', 'prepare.outputs["tests"]', "'prepare' has no output 'tests'; did you mean test?"),
    ],
)
def test_check_workflow_finds_what_mlrun_drops(project, old, new, says):
    assert old in TEXT
    file = project / "workflows" / "main.py"
    file.write_text(TEXT.replace(old, new, 1))
    findings = check_workflow(project, file)
    assert len(findings) >= 1 and says in findings[0].message and findings[0].line
    with pytest.raises(InputError, match=f"workflows/main.py, line {findings[0].line}: "):
        refuse_faulty_workflow(file)


def test_refuse_faulty_workflow_elsewhere(tmp_path):
    (tmp_path / "flow.py").write_text('import mlrun\nmlrun.run_function("nothing")\n')
    refuse_faulty_workflow(tmp_path / "flow.py")
