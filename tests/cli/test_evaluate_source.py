"""``aletheia evaluate`` on crops that stand in for those of a source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from aletheia.cli import app
from aletheia.cli.evaluate_source import evaluate_source
from aletheia.core.errors import InputError
from aletheia.datasets.pipeline import Dataset, Faces
from aletheia.evaluation.evaluate import evaluate_model
from aletheia.evaluation.result import Evaluation
from aletheia.project.run_config import RunConfig
from aletheia.release.checks import registered_checks
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.tries import Tries

SKIPPED = pd.DataFrame({"path": ["a.txt", "b.txt"], "reason": "no picture"})


@pytest.fixture(scope="module")
def evaluate_once() -> Callable[..., Evaluation]:
    """The function behind the command, which makes one evaluation of the same rows with the same options."""
    known: dict[str, Evaluation] = {}

    def evaluate(model: Path, train: None, test: pd.DataFrame, **options: object) -> Evaluation:
        key = f"{model} {sorted(options.items())}\n{test.to_csv()}"
        if key not in known:
            known[key] = evaluate_model(model, train, test, **options)
        return known[key]

    return evaluate


@pytest.fixture
def evaluate(crops, brightness_bundle, evaluate_once, tmp_path, monkeypatch) -> Callable[..., Result]:
    """Run the command on 120 crops of a source of which two files were left out."""
    faces = Faces(crops[1], crops[1].iloc[:0], SKIPPED, {})
    data = Dataset(crops[1][["path", "label"]], crops[1].iloc[:0], SKIPPED)
    monkeypatch.setattr("aletheia.cli.evaluate_source.load_dataset", lambda *args, **options: data)
    monkeypatch.setattr("aletheia.cli.evaluate_source.evaluate_model", evaluate_once)
    monkeypatch.setattr("aletheia.evaluation.elsewhere.extract_dataset_faces", lambda *args, **options: faces)
    arguments = ["evaluate", str(brightness_bundle), "synthetic", "--delivery-faces", "8"]
    report = ["--report", str(tmp_path / "report.html")]
    return lambda *more: CliRunner().invoke(app, [*arguments, *report, *more], env={"COLUMNS": "200"})


@pytest.mark.slow
def test_evaluate_source_json_is_an_evaluation(evaluate, brightness_bundle, tmp_path):
    result = evaluate("--json")
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert values.pop("left_out") == 2 and Path(values.pop("report")) == tmp_path / "report.html"
    assert values.pop("model") == str(brightness_bundle)
    checks = values.pop("checks")
    report = EvaluationReport.parse(values)
    assert report.n == 120 and report.leaks is None
    assert len(checks) == len(registered_checks())
    assert checks["no leakage"] == {
        "state": "not judged",
        "passed": False,
        "detail": "the training rows are not at hand",
        "code": "no-leakage",
        "required": True,
        "exception": "",
        "loosened": "",
    }
    page = (tmp_path / "report.html").read_text()
    assert f"AUC of <b>{report.metrics.auc}</b>" in page


@pytest.mark.slow
def test_evaluate_source_accepts_and_loosens_by_name(evaluate):
    result = evaluate("--json", "--accept-unjudged", "no-leakage", "--limit", "cell_auc=0.5")
    checks = json.loads(result.stdout)["checks"]
    assert checks["no leakage"]["exception"] == "accepted"
    assert checks["no weak cell"]["loosened"] == "0.5 in place of 0.7"


@pytest.mark.parametrize("words", [("--accept-unjudged", "leaks"), ("--limit", "auc=1"), ("--waive", "moon")])
def test_evaluate_source_refuses_unknown_names(evaluate, words):
    result = evaluate(*words)
    assert isinstance(result.exception, InputError) and words[1].split("=")[0] in str(result.exception)


@pytest.mark.slow
def test_evaluate_source_refuses_crops_cut_otherwise(evaluate, crops, brightness_bundle, monkeypatch):
    other = crops[1].assign(crop_margin=0.5)
    data = Dataset(other, other.iloc[:0], SKIPPED)
    monkeypatch.setattr("aletheia.cli.evaluate_source.load_dataset", lambda *args, **options: data)
    refused = evaluate()
    assert "cut out with margin 0.5; the model was trained on faces with margin 0.2" in str(refused.exception)
    allowed = evaluate("--json", "--allow-other-crops")
    assert json.loads(allowed.stdout)["crops"].startswith("The test faces are cut out with margin 0.5")


@pytest.mark.slow
def test_evaluate_source_of_genuine_faces_only(evaluate, crops, monkeypatch):
    """False alarms by group are all that is asked; everything that needs fakes is not defined, and nothing fails."""
    genuine = crops[1][crops[1]["label"] == "real"].reset_index(drop=True)
    data = Dataset(genuine, genuine.iloc[:0], SKIPPED)
    monkeypatch.setattr("aletheia.cli.evaluate_source.load_dataset", lambda *args, **options: data)
    result = evaluate()
    assert result.exit_code == 0, result.output
    assert "All of these are genuine faces: what can be measured are false alarms" in result.stdout
    assert "AUC of" not in result.stdout and "FAILED" not in result.stdout
    values = json.loads(evaluate("--json").stdout)
    called = values["confusion"]["fp"] / 30
    assert values["metrics"]["fpr"]["value"] == pytest.approx(called) and values["metrics"]["auc"]["value"] is None
    rates = {(gap["column"], gap["rate"]): gap for gap in values["gaps"]}
    assert rates[("gender", "fpr")]["gap"] is not None and rates[("gender", "fnr")]["gap"] is None
    assert values["checks"]["false alarms are shared fairly"]["state"] != "not judged"


@pytest.mark.slow
def test_evaluate_source_leaves_sealed_faces_out(evaluate, crops, monkeypatch):
    """Of a mixture the open faces are scored and the others named; sealed faces alone are refused, and are no try."""
    tries = []
    monkeypatch.setattr("aletheia.cli.evaluate_source.note_try", lambda rows, *args, **options: tries.append(len(rows)))

    def load(rows):
        data = Dataset(rows, rows.iloc[:0], SKIPPED)
        monkeypatch.setattr("aletheia.cli.evaluate_source.load_dataset", lambda *args, **options: data)

    load(crops[1].assign(split=["sealed"] * 40 + ["test"] * 80))
    values = json.loads(evaluate("--json").stdout)
    assert (values["n"], values["n_sealed"], tries) == (80, 40, [80])
    load(crops[1].assign(split="sealed"))
    refused = evaluate()
    assert isinstance(refused.exception, InputError) and tries == [80]
    assert str(refused.exception).startswith("120 faces are all that there is to evaluate, and of the sealed part")


@pytest.mark.slow
@pytest.mark.parametrize("counted", [True, False])
def test_evaluate_source_counts_tries(evaluate, counted, monkeypatch):
    earlier = Tries("set", frozenset({"a" * 64})) if counted else None
    monkeypatch.setattr("aletheia.cli.evaluate_source.note_try", lambda rows, weights, project: earlier)
    output = evaluate().stdout
    assert ("Evaluation no. 2 on this test set." in output) == counted
    assert ("Earlier evaluations on these test faces were not counted." in output) != counted


def test_evaluate_source_table_and_strict(evaluate):
    """Fails: this model is not calibrated."""
    result = evaluate("--strict")
    assert result.exit_code == 1
    lines = {line.split("│")[1].strip(): line for line in result.stdout.splitlines() if "│" in line}
    assert "0.750 always saying the larger class" in lines["accuracy"]
    assert "FAILED: calibrated (expected calibration error " in result.stdout
    assert result.stdout.count("expected calibration error") == 1, "each check stands in one line"
    assert all(result.stdout.count(text) == 1 for text in ("passed: no injected fault", "not judged: no leakage"))
    assert (
        "unless you accept it: --accept-unjudged" in result.stdout and "--accept-unjudged no-leakage" in result.stdout
    )
    assert "2 files had no face, or could not be read" in result.stdout


def test_evaluate_source_unknown_model(tmp_path):
    with pytest.raises(InputError, match="holds no model"):
        evaluate_source(str(tmp_path), RunConfig(), tmp_path / "report.html", delivery_faces=4, as_json=True)
