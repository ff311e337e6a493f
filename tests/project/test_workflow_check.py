"""Workflows whose steps do not fit the functions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.project.workflow_check import check_workflow, refuse_faulty_workflow

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "workflows" / "main.py").read_text()
SETS = '{name: prepare.outputs[name] for name in ("train", "val")}'


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
        (
            'outputs=["evaluation"]',
            'outputs=["evaluations"]',
            "evaluate has no output 'evaluations'; did you mean eval",
        ),
        ('name in ("train", "val")', 'name in ("train", "vall")', "'prepare' has no output 'vall'; did you mean val?"),
        (SETS, 'dict(trainn=prepare.outputs["train"])', "search_hyperparameters has no input 'trainn'; did you mean"),
        ('best = {"best"', 'best = {"bestt"', "train has no parameter 'bestt'; did you mean best?"),
        ('others = {"others"', 'others = {"otherss"', "evaluate has no input 'otherss'; did you mean others?"),
        (
            'run_function(\n        "train"',
            'run_function(\n        function="trian"',
            "no function 'trian'; did you mean tr",
        ),
        (
            'NETWORK = ("architecture"',
            'NETWORK = ("architectur"',
            "option or group of options 'architectur'; did",
        ),
        ('config.params("release")', 'config.params("releas")', "a run has no option or group of options 'releas'"),
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


def test_check_workflow_finds_an_output_that_is_renamed_in_both_places(project):
    file = project / "workflows" / "main.py"
    file.write_text(
        TEXT.replace('outputs=["model", ', 'outputs=["modell", ').replace(
            'train.outputs["model"]', 'train.outputs["modell"]'
        )
    )
    assert [finding.message for finding in check_workflow(project, file)] == [
        "train has no output 'modell'; did you mean model?"
    ]


def test_check_workflow_lets_a_column_of_the_search_pass(project):
    file = project / "workflows" / "main.py"
    file.write_text(TEXT.replace("**config.search_arguments()", 'hyperparams={"weight_decay": [0.01, 0.1]}'))
    assert check_workflow(project, file) == []
    file.write_text(TEXT.replace("**config.search_arguments()", 'hyperparams={"weight_decai": [0.01, 0.1]}'))
    assert "has no parameter 'weight_decai'" in check_workflow(project, file)[0].message


def test_refuse_faulty_workflow_elsewhere(tmp_path):
    (tmp_path / "flow.py").write_text('import mlrun\nmlrun.run_function("nothing")\n')
    refuse_faulty_workflow(tmp_path / "flow.py")
