"""The workflow's steps, recorded without running anything."""

from __future__ import annotations

import mlrun
import pytest

from aletheia.core.errors import InputError
from aletheia.project.kubeflow.steps import StepOutput, option_of, record_steps, tag_options
from aletheia.project.run_config import RunConfig

from ...packaging.commands import ROOT

CONFIG = RunConfig.parse({"source": "synthetic", "epochs": 7, "search_epochs": 7})


@pytest.fixture
def workflow(tmp_path):
    """Write a workflow and return its file."""

    def write(*lines: str):
        file = tmp_path / "workflow.py"
        body = "\n".join(f"    {line}" for line in lines)
        head = "import mlrun\nfrom aletheia.project import takes_config\n\n@takes_config\ndef main(config):\n"
        file.write_text(f"{head}{body}\n")
        return file

    return write


def by_name(config: RunConfig) -> dict:
    return {step.name: step for step in record_steps(ROOT / "workflows" / "main.py", config)}


def test_steps_of_the_workflow():
    original, steps = mlrun.run_function, by_name(CONFIG)
    assert list(steps) == [
        *("extract-faces", "prepare-data", "search-hyperparameters", "search-overview", "train", "evaluate"),
        *("cross-test", "cross-overview", "register"),
    ]
    assert {name: step.only_with for name, step in steps.items() if step.only_with} == {
        "cross-test": "leave_out",
        "cross-overview": "leave_out",
    }
    assert steps["train"].inputs["sealed"] == StepOutput("prepare-data", "sealed")
    assert steps["search-hyperparameters"].hyperparams["batch_size"] == [8, 16, 32]
    assert mlrun.run_function is original


def test_conditions_do_not_depend_on_the_option():
    assert list(by_name(CONFIG)) == list(by_name(CONFIG.model_copy(update={"leave_out": ["generator=a"]})))
    with_it = by_name(CONFIG.model_copy(update={"leave_out": ["generator=a"]}))
    assert [name for name, step in with_it.items() if step.only_with == "leave_out"] == ["cross-test", "cross-overview"]


def test_values_know_their_option():
    """Two options with the same value are told apart, and what is computed from one is no option any more."""
    steps = by_name(CONFIG)
    assert steps["train"].params["epochs"] == steps["search-hyperparameters"].params["epochs"] == 7
    assert option_of("epochs", steps["train"].params["epochs"]) == "epochs"
    assert option_of("epochs", steps["search-hyperparameters"].params["epochs"]) == "search_epochs"
    tagged = tag_options(CONFIG)
    assert option_of("epochs", tagged.epochs + 1) == "" and option_of("x", "text") == ""
    assert option_of("no_guessing", tagged.no_guessing) == "no_guessing" and option_of("other", True) == ""


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['mlrun.run_function("a")', 'mlrun.run_function("a")'], "two steps|Two steps"),
        (['step = mlrun.run_function("a", outputs=["x"])', 'step.outputs["y"]'], "no output 'y'"),
        (
            ['step = mlrun.run_function("a", outputs=["x"])', 'if not step.outputs["x"]:', "    return"],
            "decides by the output 'x' of its step 'a'",
        ),
    ],
)
def test_refuses(workflow, lines, words):
    with pytest.raises(InputError, match=words):
        record_steps(workflow(*lines), CONFIG)


def test_refuses_a_retraining():
    """What is registered, and whether, would be fixed when it is compiled."""
    with pytest.raises(InputError, match="'retrain' cannot be compiled: its RetrainConfig looks up"):
        record_steps(ROOT / "workflows" / "retrain.py", CONFIG, handler="retrain")


def test_refuses_other_files(workflow, tmp_path):
    with pytest.raises(InputError, match="no workflow"):
        record_steps(tmp_path / "nowhere.py", CONFIG)
    with pytest.raises(InputError, match="@takes_config"):
        record_steps(workflow("pass"), CONFIG, handler="other")
