"""A whole evaluation: scores, metrics, baselines, leaks, figures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid
from sklearn.metrics import accuracy_score, roc_auc_score

from aletheia.audit.measures import Measure
from aletheia.core.errors import InputError
from aletheia.datasets.manifest import manifest_hash
from aletheia.evaluation.baselines import BASELINES
from aletheia.evaluation.evaluate import bootstrap_unit, evaluate_model, halves
from aletheia.evaluation.figures import evaluation_figures
from aletheia.evaluation.network_controls import NETWORK_CONTROLS
from aletheia.models.spec import read_spec, write_spec
from aletheia.release.evaluation_records import NotCompared
from aletheia.release.gate import run_gate


@pytest.fixture(scope="module")
def evaluation(brightness_bundle, crops):
    return evaluate_model(brightness_bundle, *crops, progress=False)


def test_evaluate_model_metrics_match_scikit_learn(evaluation, crops):
    y = (crops[1]["label"] == "fake").to_numpy().astype(int)
    p = evaluation.scores["probability"].to_numpy()
    assert evaluation.metrics["auc"].value == pytest.approx(roc_auc_score(y, p))
    assert evaluation.metrics["accuracy"].value == pytest.approx(accuracy_score(y, p >= 0.6))
    assert (evaluation.scores["verdict"] == np.where(p >= 0.6, "fake", "real")).all()
    assert evaluation.unit == "groups of 30 people" and evaluation.metrics.n_groups == 30
    assert evaluation.alike.columns == ("gender", "thumbnail") and 0 < evaluation.alike.share < 0.5
    assert evaluation.leaks == 0 and evaluation.grouping == (120, 120, 0, 120, False)
    assert list(evaluation.generators["value"]) == ["blend", "swap"]
    assert list(evaluation.subgroups["value"]) == ["f", "m"]


@pytest.mark.slow
def test_evaluate_model_leaks_and_unreadable_rows(brightness_bundle, crops, tmp_path):
    train, test = crops
    test = test.copy()
    test.loc[0:3, "identity"] = train["identity"].iloc[0]
    test.loc[5, "path"] = str(tmp_path / "<b>gone</b>.png")
    evaluation = evaluate_model(brightness_bundle, train, test, progress=False)
    assert evaluation.leaks >= 1
    assert evaluation.metrics.n_unreadable == 1 and evaluation.metrics.n == 119
    assert evaluation.scores.loc[5, "verdict"] == "unreadable"
    failed = {check.code for check in run_gate(evaluation.to_report()) if check.state == "failed"}
    assert {"no-leakage", "no-shortcut", "calibrated"} <= failed


def test_evaluation_figures_titles_and_axes(evaluation):
    figures = evaluation_figures(evaluation)
    assert list(figures) == [
        "baselines", "saliency", "roc", "scores_by_label", "confusion", "subgroups", "matrix", "generators",
        "delivery_curves", "precision_recall", "calibration", "risk_coverage", "group_answers", "prior", "spectrum",
    ]  # fmt: skip
    for key, figure in figures.items():
        assert figure.layout.title.text, key
        if figure.data and key not in (
            "confusion",
            "spectrum",
            "saliency",
        ):  # of panels one above the other, the lower has the title
            assert figure.layout.xaxis.title.text, key
        figure.to_json()
    roc = figures["roc"].data[0]
    assert trapezoid(roc.y, roc.x) == pytest.approx(evaluation.metrics["auc"].value, abs=1e-3)
    counts = [a.text for a in figures["confusion"].layout.annotations]
    assert any(f"<b>{evaluation.metrics.confusion['tp']}</b>" in text for text in counts)


@pytest.mark.slow
def test_evaluate_model_one_class(brightness_bundle, crops):
    test = crops[1][crops[1]["label"] == "fake"]
    evaluation = evaluate_model(brightness_bundle, crops[0], test, progress=False)
    assert evaluation.shortcut.reason and all(outcome.reason for outcome in evaluation.baselines.outcomes.values())
    report = evaluation.to_report()
    assert not report.metrics.auc.is_defined and report.baselines["spectrum"].reason
    checks = {check.code: check for check in run_gate(report)}
    assert not checks["beats-controls"].passed and not checks["beats-spectrum"].passed
    titles = [note.text for note in evaluation_figures(evaluation)["roc"].layout.annotations]
    assert any("One class only" in text for text in titles)


@pytest.mark.slow
def test_evaluate_model_without_training_rows_and_files_of_production(brightness_bundle, crops):
    first, second = halves(crops[1])
    assert len(first) + len(second) == len(crops[1])
    assert not set(first["identity"]) & set(second["identity"])
    uri = "store://models/x/detector:production"
    options = {"production": (uri, None), "delivery_faces": 8, "progress": False}
    evaluation = evaluate_model(brightness_bundle, None, crops[1], **options)
    assert evaluation.production == NotCompared(reason=f"{uri} could not be compared with: its files are gone")
    assert evaluation.leaks is None and "leaks" not in evaluation.headline()
    assert evaluation.metrics.n == len(crops[1])
    outcomes = evaluation.baselines.outcomes
    assert {outcome.n for outcome in outcomes.values() if not outcome.reason} == {len(second)}
    assert {key for key, outcome in outcomes.items() if outcome.reason} >= set(NETWORK_CONTROLS)
    assert "no-leakage" in {check.code for check in run_gate(evaluation.to_report()) if not check.judged}


def test_evaluate_model_few_large_groups_and_no_model_in_production(brightness_bundle, crops, tmp_path):
    """One real person cannot stand in both halves: no baseline is computed, each says why, the rest goes on.

    So it does where the files of the model in production are not there, and the report says that, too.
    """
    real = crops[1]["label"] == "real"
    test = crops[1].assign(identity=np.where(real, "one", crops[1]["identity"]))
    with pytest.raises(InputError, match="cannot be made"):
        halves(test)
    options = {"production": ("store://y", tmp_path), "delivery_faces": 8, "progress": False}
    evaluation = evaluate_model(brightness_bundle, None, test, **options)
    assert "store://y could not be compared with" in evaluation.production.reason
    assert evaluation.metrics.n == len(test) and np.isfinite(evaluation.metrics["auc"].value)
    reasons = {outcome.reason for outcome in evaluation.baselines.outcomes.values()}
    assert len(reasons) == 1 and "too few or too large" in reasons.pop()
    assert set(evaluation.baselines.outcomes) == set(BASELINES) and not evaluation.baselines.differences
    report = evaluation.to_report()
    assert report.production == evaluation.production
    assert all(not check.passed for check in run_gate(report) if check.code.startswith("beats-"))
    assert evaluation_figures(evaluation)["baselines"].layout.title.text


@pytest.mark.slow
def test_evaluate_model_own_rows(brightness_bundle, crops, tmp_path):
    """Known only for a model that recorded its rows, with training and validation rows at hand."""
    train, test = crops
    options = {"delivery_faces": 8, "progress": False}
    folder = Path(shutil.copytree(brightness_bundle, tmp_path / "model"))
    spec = read_spec(folder)
    val = train.iloc[:40].assign(path=lambda rows: rows["path"] + "#", identity="v")
    write_spec(folder, spec.model_copy(update={"data_hash": manifest_hash(pd.concat([train, val], ignore_index=True))}))
    assert evaluate_model(folder, train, test, val=val, **options).own_rows is True
    assert evaluate_model(folder, train.iloc[:-1], test, val=val, **options).own_rows is False
    assert evaluate_model(folder, train, test, **options).own_rows is None
    assert evaluate_model(brightness_bundle, train, test, val=val, **options).own_rows is None


def test_evaluate_model_refuses(brightness_bundle, crops, tmp_path):
    with pytest.raises(InputError, match="no rows"):
        evaluate_model(brightness_bundle, crops[0], crops[1].iloc[:0], progress=False)
    with pytest.raises(InputError, match=r"model\.json"):
        evaluate_model(tmp_path, *crops, progress=False)
    gone = crops[1].assign(path=[str(tmp_path / f"{i}.png") for i in range(len(crops[1]))])
    with pytest.raises(InputError, match="None of the 120 rows"):
        evaluate_model(brightness_bundle, crops[0], gone, progress=False)


def test_bootstrap_unit_connected_groups():
    rows = {
        "identity": ["a", "b", "c", "d", "", ""],
        "video": ["", "", "v", "", "v", ""],
        "pair": ["", "b|a", "", "", "", ""],
    }
    groups, description = bootstrap_unit(pd.DataFrame(rows))
    assert groups.tolist() == [0, 0, 1, 2, 1, 3] and description == "groups of 4 people and 2 other pictures"
    assert bootstrap_unit(pd.DataFrame({"identity": ["", ""], "video": ["v", "v"]}))[1] == "groups of 1 film"
    assert bootstrap_unit(pd.DataFrame({"identity": ["", ""]})) == (None, "rows")


@pytest.mark.slow
def test_evaluate_model_measures_each_crop_once(brightness_bundle, crops, monkeypatch):
    measured = []

    class Counting(Measure):
        def __call__(self, item):
            measured.append(item[0])
            return super().__call__(item)

    monkeypatch.setattr("aletheia.audit.measuring.Measure", Counting)
    train, val, test = crops[0].iloc[::2], crops[0].iloc[1::2], crops[1]
    options = {"delivery_faces": 8, "network_controls": False, "progress": False}
    evaluation = evaluate_model(brightness_bundle, train, test, val=val, **options)
    assert evaluation.audit and not evaluation.baselines.outcomes["light"].reason
    assert sorted(measured) == sorted([*train["path"], *val["path"], *test["path"]])
