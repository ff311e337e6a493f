"""`aletheia run`, and the options that `run`, `audit` and `evaluate` derive from the configuration of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from aletheia.cli.audit import audit
from aletheia.cli.evaluate import evaluate
from aletheia.cli.options import takes_options
from aletheia.cli.root import app
from aletheia.cli.run import run as run_command
from aletheia.core.errors import InputError
from aletheia.project.run_config import RunConfig


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """An empty project, in which the tests stand."""
    (tmp_path / "project.yaml").write_text("kind: project\nmetadata: {name: aletheia}\nspec: {}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALETHEIA_PROJECT", raising=False)
    return tmp_path


@pytest.fixture
def given(project, monkeypatch):
    """Run `aletheia run` without the workflow; returns the configuration that the workflow would get."""
    configurations = []

    def run_workflow(config, *, artifact_path):
        configurations.append(config)
        return {"state": "completed"}

    monkeypatch.setattr("aletheia.project.runner.run_workflow", run_workflow)

    def run(*words: str) -> RunConfig:
        done = CliRunner().invoke(app, ["run", *words])
        assert done.exit_code == 0, done.output
        return configurations.pop()

    return run


def printed(*words: str) -> dict:
    done = CliRunner().invoke(app, ["run", "--print-config", *words])
    assert done.exit_code == 0, done.output
    return yaml.safe_load(done.output)


def test_run_is_a_command_of_aletheia():
    assert run_command in {command.callback for command in app.registered_commands}


def test_run_defaults(given):
    config = given()
    assert config == RunConfig() and not config.model_fields_set


def test_run_options(given, project):
    words = (
        "--images 160 --ffhq pool --held-out source=a --leave-out nothing --learning-rates 1e-3,2e-3 --batch-sizes 8"
    )
    more = "--remedy match=light --recipe weights=none --recipe optimizer=sgd --all-faces --face-margin 0.5 --seed 3"
    assert given(*words.split(), *more.split()) == RunConfig(
        n_synthetic=160,
        real_pool=str(project / "pool"),
        leave_out=["source=a", "nothing"],
        learning_rates=[1e-3, 2e-3],
        batch_sizes=[8],
        remedies=["match=light"],
        recipe={"weights": "none", "optimizer": "sgd"},
        all_faces=True,
        face_margin=0.5,
        seed=3,
    )
    assert given("--real-pool", "/a", "--n-synthetic", "170") == RunConfig(real_pool="/a", n_synthetic=170)


def test_run_config_file_and_command_line(given, project):
    (project / "configs").mkdir()
    (project / "configs" / "run.yaml").write_text("ffhq: ../pool\nface_policy: tight\nseed: 3\n")
    config = given("--config", "configs/run.yaml", "--face-policy", "scale")
    assert config == RunConfig(real_pool=str(project / "pool"), face_policy="scale", seed=3)


def test_run_project_yaml_below_the_file(given, project):
    arguments = {"seed": 4, "epochs": 2}
    workflow = {"name": "main", "args": arguments}
    (project / "project.yaml").write_text(yaml.safe_dump({"kind": "project", "spec": {"workflows": [workflow]}}))
    (project / "run.yaml").write_text("seed: 3\n")
    assert given() == RunConfig(**arguments)
    assert given("--config", "run.yaml") == RunConfig(seed=3, epochs=2)


def test_run_print_config_is_fed_back(project, given):
    words = ["--image-size", "64", "--source", "faces", "--recipe", "weight_decay=0.1"]
    (project / "run.yaml").write_text(CliRunner().invoke(app, ["run", "--print-config", *words]).output)
    expected = {"image_size": 64, "source": str(project / "faces"), "recipe": {"weight_decay": "0.1"}}
    assert printed(*words) == printed("--config", "run.yaml") == RunConfig(**expected).model_dump()
    assert given("--config", "run.yaml") == RunConfig(**expected)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("face_polcy: tight", "did you mean face_policy"),
        ("seed: many", "seed: Input should be a valid integer"),
        ("image_size: 2000", "less than or equal to 1024"),
        ("face_policy: oval", "no face policy 'oval'; choose one of scale, tight, aligned"),
        ("images: 60\nn_synthetic: 70", "n_synthetic is given twice"),
        ("recipe: {seed: 3}", "has an option of its own"),
    ],
)
def test_run_unusable_config_file(project, content, words):
    (project / "run.yaml").write_text(content)
    done = CliRunner().invoke(app, ["run", "--config", "run.yaml"])
    assert isinstance(done.exception, InputError)
    assert words in str(done.exception) and "\n" not in str(done.exception)


@pytest.mark.parametrize(
    "words", [["--n-synthetic", "49"], ["--image-size", "x"], ["--epochs", "0"], ["--image-size", "1025"]]
)
def test_run_option_out_of_range(project, words):
    assert CliRunner().invoke(app, ["run", *words]).exit_code == 2


def test_run_failed_workflow(project, monkeypatch):
    monkeypatch.setattr("aletheia.project.runner.run_workflow", lambda *_, **options: {"state": "error"})
    assert CliRunner().invoke(app, ["run"]).exit_code == 1


@pytest.mark.parametrize(("command", "n_arguments"), [("audit", 1), ("evaluate", 2)])
def test_help_has_the_descriptions_of_the_configuration(command, n_arguments):
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "300", "TERM": "dumb"})
    assert RunConfig.model_fields["manifest"].description in done.output
    assert RunConfig.model_fields["source"].description in done.output
    assert done.output.count("[required]") == n_arguments


def test_takes_options_hands_over_what_was_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    received = []

    @takes_options("seed", "remedies", "learning_rates", "real_pool", argument="source")
    def command(options: dict, first: str, flag: bool = False) -> None:
        """Do nothing."""
        received.append((options, first, flag))

    own = typer.Typer()
    own.command()(command)
    for words in (["a", "b"], ["a", "b", "--seed", "0", "--remedy", "x=1", "--remedy", "y=2", "--flag"]):
        assert CliRunner().invoke(own, words).exit_code == 0
    source = str(tmp_path / "b")
    assert received == [
        ({"source": source}, "a", False),
        ({"source": source, "seed": 0, "remedies": ["x=1", "y=2"]}, "a", True),
    ]


@pytest.fixture
def spied(monkeypatch):
    """Put a spy in the place of a function; returns its calls, and answers as the test sets."""

    def put(path: str, answer: bool):
        calls = []
        monkeypatch.setattr(path, lambda *args, **kwargs: calls.append((args, kwargs)) or answer)
        return calls

    return put


@pytest.mark.parametrize(("passed", "strict", "code"), [(True, True, 0), (False, True, 1), (False, False, 0)])
def test_audit_command(spied, passed, strict, code):
    calls = spied("aletheia.cli.audit_source.audit_source", passed)
    words = ["synthetic", "--images", "60", "--face-policy", "tight", "--json", *(["--strict"] if strict else [])]
    command = typer.Typer()
    command.command()(audit)
    assert CliRunner().invoke(command, words).exit_code == code
    assert calls == [((RunConfig(n_synthetic=60, face_policy="tight"), Path("audit.html")), {"as_json": True})]


@pytest.mark.parametrize(("passed", "strict", "code"), [(True, True, 0), (False, True, 1), (False, False, 0)])
def test_evaluate_command(spied, passed, strict, code):
    calls = spied("aletheia.cli.evaluate_source.evaluate_source", passed)
    words = ["production", "/a", "--seed", "3", "--report", "r.html", *(["--strict"] if strict else [])]
    command = typer.Typer()
    command.command()(evaluate)
    assert CliRunner().invoke(command, words).exit_code == code
    expected = ("production", RunConfig(source="/a", seed=3), Path("r.html"))
    assert calls == [(expected, {"delivery_faces": 500, "allow_other_crops": False, "as_json": False})]
