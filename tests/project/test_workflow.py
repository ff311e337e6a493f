"""The decorator of a workflow, and the workflow of this project."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.catalog import ModelVersion
from aletheia.lifecycle.retraining.champion import Champion
from aletheia.project.retrain_config import RetrainConfig
from aletheia.project.run_config import RunConfig
from aletheia.project.workflow import takes_config

ROOT = Path(__file__).parents[2]


@takes_config
def workflow(config: RunConfig) -> RunConfig:
    """Return the configuration."""
    return config


def test_takes_config_keywords_and_former_names():
    assert workflow(seed=3, ffhq="a", remedies=None) == RunConfig(seed=3, real_pool="a")
    assert workflow("synthetic", "b.csv") == RunConfig(manifest="b.csv")
    assert workflow() == RunConfig()


def test_takes_config_checks():
    with pytest.raises(InputError, match="oval"):
        workflow(face_policy="oval")
    with pytest.raises(InputError, match="did you mean face_policy"):
        workflow(face_polcy="scale")


def test_takes_config_signature():
    """As MLRun and Kubeflow read it."""
    read = inspect.getfullargspec(workflow)
    assert read.args == list(RunConfig.model_fields)
    assert list(read.defaults) == [RunConfig.default_of(name) for name in read.args]


def test_takes_config_placeholders_of_a_pipeline():
    placeholders = {name: object() for name in RunConfig.model_fields}
    assert workflow(*placeholders.values()).params() == placeholders


class Step:
    """Stands for a run: its outputs are named after it, those excepted that are given."""

    def __init__(self, name: str, known: dict | None = None) -> None:
        self.name, self.known = name, known or {}

    @property
    def outputs(self):
        name, known = self.name, self.known

        class Outputs:
            def __getitem__(self, key: str):
                return known.get(f"{name}/{key}", f"{name}/{key}")

        return Outputs()


@pytest.fixture
def steps(monkeypatch):
    """Run a workflow of this project without its functions; returns the steps that it started, by name."""

    def run(workflow="main", outputs=None, **arguments):
        spec = importlib.util.spec_from_file_location(f"workflow_{workflow}", ROOT / "workflows" / f"{workflow}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        started = {}

        def run_function(function, name, **options):
            started[name] = {"function": function, **options}
            return Step(name, outputs)

        monkeypatch.setattr(module.mlrun, "run_function", run_function)
        getattr(module, workflow)(**arguments)
        return started

    return run


def test_main_hands_options_to_the_steps(steps):
    more = {"experiment": "first", "val_share": 0.2}
    started = steps(face_policy="aligned", balance="count", epochs=7, search_epochs=2, seed=5, batch_sizes=[4], **more)
    assert started["extract-faces"]["params"]["face_policy"] == "aligned"
    assert started["prepare-data"]["params"] == {
        "val_share": 0.2,
        "test_share": 0.15,
        "sealed_share": 0.3,
        "remedies": [],
        "split": "official",
        "balance": "count",
        "seed": 5,
    }
    assert {tuple(step["labels"].items()) for step in started.values()} == {(("experiment", "first"),)}
    assert started["search-hyperparameters"]["params"]["epochs"] == 2
    assert started["search-hyperparameters"]["hyperparams"]["batch_size"] == [4]
    assert started["train"]["params"]["epochs"] == 7
    assert started["train"]["params"]["best"] == "search-hyperparameters/best"
    without = {"search-overview"}  # it draws a table
    assert all(
        step["params"]["seed"] == 5 for name, step in started.items() if "params" in step and name not in without
    )
    assert "cross-test" not in started


def test_main_leaves_out(steps):
    started = steps(held_out=["generator=a"], epochs=7)
    assert started["cross-test"]["hyperparams"] == {"leave_out": ["generator=a"]}
    assert started["cross-test"]["params"]["epochs"] == 7
    assert "cross-overview" in started


def test_main_takes_another_search_without_an_edit(steps):
    columns = ["weight_decay=0.01..0.1", "optimizer=sgd,adam"]
    started = steps(
        search="random", search_columns=columns, search_trials=3, search_selector="max.auc", leave_out="nothing"
    )
    search = started["search-hyperparameters"]
    assert list(search["hyperparams"]) == ["learning_rate", "batch_size", "weight_decay", "optimizer"]
    assert {len(values) for values in search["hyperparams"].values()} == {3}
    options = search["hyper_param_options"]
    assert (options.strategy, options.selector) == ("list", "max.auc")
    assert started["search-overview"]["params"] == {"selector": "max.auc"}
    for name in ("train", "cross-test"):
        assert started[name]["params"]["best"] == "search-hyperparameters/best"


PARTS = {name: f"store://datasets/aletheia/{name}@t^u" for name in ("train", "val", "test", "sealed", "held back")}


@pytest.fixture
def champion(monkeypatch):
    """The model that a retraining finds."""
    model = ModelVersion("v1.2.0", "u" * 40, ("v1.2.0",), {}, "", "", "attention_cnn", {}, "production")
    found = Champion(model, Path("/m"), RunConfig(epochs=7, seed=3).model_dump(), {"learning_rate": 0.01}, dict(PARTS))
    monkeypatch.setattr(RetrainConfig, "starting_point", lambda self: found)
    return found


def test_retrain_hands_the_frozen_parts_and_the_recipe_to_the_steps(steps, champion, face_folder):
    outputs = {"judge/accepted": True, "register/version": "v1.2.1"}
    started = steps("retrain", outputs, add=[str(face_folder)], auto_promote=True)
    assert list(started) == ["add-faces", "train", "judge", "evaluate", "register", "hand-over"]
    add = started["add-faces"]["inputs"]
    assert add == {name.replace(" ", "_"): uri for name, uri in PARTS.items()}
    for name in ("judge", "evaluate"):
        assert started[name]["inputs"]["test"] == PARTS["test"]  # frozen, not an output of a step
    assert started["train"]["inputs"] == {
        "train": "add-faces/train",
        "val": "add-faces/val",
        "sealed": PARTS["sealed"],
    }
    assert started["train"]["params"]["epochs"] == 7
    assert started["train"]["params"]["best"] == {"learning_rate": 0.01}
    assert started["judge"]["inputs"]["held_back"] == "add-faces/held_back"
    register = started["register"]
    assert (register["params"]["promote"], register["params"]["retrains"]) == (False, "v1.2.0")
    assert register["inputs"]["sealed"] == PARTS["sealed"]
    assert started["hand-over"]["params"] == {"version": "v1.2.1", "champion": "v1.2.0", "auto_promote": True}


def test_retrain_registers_nothing_when_the_challenger_is_refused(steps, champion, face_folder):
    started = steps("retrain", {"judge/accepted": False}, add=[str(face_folder)])
    assert list(started) == ["add-faces", "train", "judge"]


def test_retrain_without_a_sealed_part(steps, champion, face_folder):
    for name in ("sealed", "held back"):
        del champion.parts[name]
    started = steps("retrain", {"judge/accepted": True}, add=str(face_folder))
    assert set(started["add-faces"]["inputs"]) == {"train", "val", "test"}
    assert "sealed" not in started["register"]["inputs"]


@pytest.mark.parametrize(("fault", "code"), [(InputError("mend it"), 2), (RuntimeError("broken"), 1)])
def test_takes_config_ends_mlruns_command_line_with_a_code(monkeypatch, capsys, fault, code):
    @takes_config
    def failing(config: RunConfig) -> None:
        if isinstance(fault, InputError):
            InputError.raised.append(str(fault))
        raise fault

    with pytest.raises(type(fault)):
        failing(source="faces")
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/mlrun", "project", "./", "-r", "main"])
    with pytest.raises(SystemExit) as end:
        failing(source="faces")
    assert end.value.code == code
    assert capsys.readouterr().err == f"The workflow failed. {fault}\n"
    with pytest.raises(SystemExit) as end:
        failing(n_synthetic="many")
    assert end.value.code == 2 and "n_synthetic: Input should be a valid integer" in capsys.readouterr().err
