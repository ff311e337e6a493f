"""A whole evaluation: scores, metrics, shortcut, leaks, figures, report."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid
from sklearn.metrics import accuracy_score, roc_auc_score

from aletheia.core.errors import InputError
from aletheia.evaluation.evaluate import bootstrap_unit, evaluate_model, halves
from aletheia.evaluation.figures import evaluation_figures
from aletheia.evaluation.result import Evaluation
from aletheia.release.gate import run_gate
from aletheia.reports.evaluation_report import evaluation_report


@pytest.fixture(scope="module")
def evaluation(brightness_bundle, crops):
    return evaluate_model(brightness_bundle, *crops, progress=False)


def test_evaluate_model_metrics_match_scikit_learn(evaluation, crops):
    y = (crops[1]["label"] == "fake").to_numpy().astype(int)
    p = evaluation.scores["probability"].to_numpy()
    assert isinstance(evaluation, Evaluation)
    assert evaluation.metrics["auc"].value == pytest.approx(roc_auc_score(y, p))
    assert evaluation.metrics["accuracy"].value == pytest.approx(accuracy_score(y, p >= 0.6))
    assert (evaluation.scores["verdict"] == np.where(p >= 0.6, "fake", "real")).all()
    assert evaluation.unit == "identity" and evaluation.metrics.n_groups == 30
    assert evaluation.leaks == 0
    assert list(evaluation.generators["value"]) == ["blend", "swap"]
    assert list(evaluation.subgroups["value"]) == ["f", "m"]


def test_headline_has_numbers_to_compare_with(evaluation):
    headline = evaluation.headline()
    assert headline["majority_share"] == 0.75
    assert {"accuracy", "auc", "auc_low", "auc_high", "shortcut_auc", "n_unreadable"} <= set(headline)
    assert all(isinstance(value, int | float) and np.isfinite(value) for value in headline.values())


def test_summary_is_json_for_gate(evaluation):
    summary = json.loads(json.dumps(evaluation.summary(), allow_nan=False))
    checks = run_gate(summary)
    assert len(checks) >= 4
    assert summary["weights_sha256"] == evaluation.spec.weights_sha256


def test_evaluate_model_leaks_and_unreadable_rows(brightness_bundle, crops, tmp_path):
    train, test = crops
    test = test.copy()
    test.loc[0:3, "identity"] = train["identity"].iloc[0]
    test.loc[5, "path"] = str(tmp_path / "<b>gone</b>.png")
    evaluation = evaluate_model(brightness_bundle, train, test, progress=False)
    assert evaluation.leaks >= 1
    assert evaluation.metrics.n_unreadable == 1 and evaluation.metrics.n == 119
    assert evaluation.scores.loc[5, "verdict"] == "unreadable"
    page = evaluation_report(evaluation, {}, run_gate(evaluation.summary()))
    assert "1 rows could not be read" in page
    assert "&lt;b&gt;gone&lt;/b&gt;.png" in page and "<b>gone" not in page
    assert "not to be relied on" in page and "no leakage" in page and "on two sides of the split" in page


def test_evaluation_report_single_file_verdict_first(evaluation):
    figures = evaluation_figures(evaluation)
    page = evaluation_report(evaluation, figures, run_gate(evaluation.summary()))
    assert page.count("plotly.js v") == 1  # the library's banner: inside, once
    markup = re.sub(r"(?s)<script.*?</script>", "", page)
    assert not re.search(r"(?i)<(script|link|img|iframe)\b", markup) and "http" not in markup
    assert not re.search(r"<script[^>]*src", page)
    body = page[page.index("<body>") :]
    marks = ('class="verdict', 'class="beside', "<h2>The checks", "<h2>Is it the faces", "<h2>Where this comes from")
    order = [body.index(mark) for mark in marks]
    assert order == sorted(order)
    assert body.count('class="plotly-graph-div"') == len(figures) == 13
    assert "always saying the larger class: 0.750" in body
    assert f"{evaluation.metrics['auc'].value:.3f}" in body
    assert evaluation.spec.weights_sha256 in body and evaluation.data_hash in body


def test_evaluation_figures_titles_and_axes(evaluation):
    figures = evaluation_figures(evaluation)
    assert list(figures) == [
        "baselines", "roc", "scores_by_label", "confusion", "subgroups", "matrix", "generators", "delivery_curves",
        "precision_recall", "calibration", "risk_coverage", "prior", "spectrum",
    ]  # fmt: skip
    for key, figure in figures.items():
        assert figure.layout.title.text, key
        if key not in ("confusion", "spectrum"):  # of two panels one above the other, the lower has the axis' title
            assert figure.layout.xaxis.title.text, key
        figure.to_json()
    roc = figures["roc"].data[0]
    assert trapezoid(roc.y, roc.x) == pytest.approx(evaluation.metrics["auc"].value, abs=1e-3)
    counts = [a.text for a in figures["confusion"].layout.annotations]
    assert any(f"<b>{evaluation.metrics.confusion['tp']}</b>" in text for text in counts)


def test_evaluate_model_one_class(brightness_bundle, crops):
    test = crops[1][crops[1]["label"] == "fake"]
    evaluation = evaluate_model(brightness_bundle, crops[0], test, progress=False)
    assert evaluation.shortcut.reason and all(outcome.reason for outcome in evaluation.baselines.outcomes.values())
    checks = {check.name: check for check in run_gate(evaluation.summary())}
    assert not checks["beats the controls"].passed and not checks["beats the frequency spectrum"].passed
    page = evaluation_report(evaluation, evaluation_figures(evaluation), list(checks.values()))
    assert "not defined" in page and "One class only" in page
    json.dumps(evaluation.summary(), allow_nan=False)


def test_evaluate_model_without_training_rows(brightness_bundle, crops):
    learnt, scored = halves(crops[1])
    assert len(learnt) + len(scored) == len(crops[1]) and not set(learnt["identity"]) & set(scored["identity"])
    evaluation = evaluate_model(brightness_bundle, None, crops[1], delivery_faces=8, progress=False)
    assert evaluation.leaks is None and "leaks" not in evaluation.headline()
    assert evaluation.metrics.n == len(crops[1])
    assert {outcome.n for outcome in evaluation.baselines.outcomes.values()} == {len(scored)}
    checks = run_gate(evaluation.summary())
    assert "no leakage" in {check.name for check in checks if not check.judged}
    assert "What the model is worth" in evaluation_report(evaluation, evaluation_figures(evaluation), checks)


def test_evaluate_model_nothing_scored(brightness_bundle, crops, tmp_path):
    with pytest.raises(InputError, match="no rows"):
        evaluate_model(brightness_bundle, crops[0], crops[1].iloc[:0], progress=False)
    with pytest.raises(InputError, match=r"model\.json"):
        evaluate_model(tmp_path, *crops, progress=False)
    gone = crops[1].assign(path=[str(tmp_path / f"{i}.png") for i in range(len(crops[1]))])
    with pytest.raises(InputError, match="None of the 120 rows"):
        evaluate_model(brightness_bundle, crops[0], gone, progress=False)


def test_bootstrap_unit():
    values, unit = bootstrap_unit(pd.DataFrame({"identity": ["a", "", "", ""], "video": ["v", "v", "v", ""]}))
    assert unit == "identity" and values.tolist() == ["a", "video v", "video v", ""]
    assert bootstrap_unit(pd.DataFrame({"identity": ["", ""], "video": ["v", "v"]}))[1] == "video"
    assert bootstrap_unit(pd.DataFrame({"identity": ["", ""]})) == (None, "row")
