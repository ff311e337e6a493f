"""Experiments in words."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from aletheia.evaluation.score_comparison import ScoreComparison
from aletheia.project.experiment_text import comparison_sentences, comparison_to_dict, experiment_rows, value_text
from aletheia.project.experiments import ExperimentComparison
from aletheia.stats.estimate import Estimate

from .test_experiments import experiment


def comparison(difference: Estimate | None = None, answers: dict | None = None, **values) -> ExperimentComparison:
    rows = pd.DataFrame([("epochs", 3, 5)], columns=["name", "first", "second"], dtype=object)
    scores = difference and ScoreComparison(
        n=100, only_first=0, only_second=4, first_auc=0.8, second_auc=0.85, difference=difference, flipped=12,
        **{"first_answered": 0.5, "second_answered": 0.25, "first_only_right": 3, "second_only_right": 8},
    )  # fmt: skip
    scores = scores and replace(scores, **(answers or {}))
    return ExperimentComparison(experiment(), experiment("b" * 32), rows, rows.iloc[:0], scores, **values)


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [
        (Estimate(0.05, 0.01, 0.09), "+0.050 (+0.010 to +0.090): bbbbbbbb is better"),
        (Estimate(-0.05, -0.09, -0.01), "aaaaaaaa is better"),
        (Estimate(0.05, -0.01, 0.11), "neither is shown to be better"),
        (Estimate(0.05), "too few groups of rows"),
    ],
)
def test_comparison_sentences(difference, verdict):
    text = " ".join(comparison_sentences(comparison(difference)))
    assert verdict in text and "by aaaaaaaa alone: 3; by bbbbbbbb alone: 8" in text and "bbbbbbbb alone: 4." in text


def test_comparison_sentences_of_models_that_answer_nothing():
    nothing = {"first_answered": 0.0, "second_answered": 0.0, "first_only_right": 0, "second_only_right": 0}
    known = {"first_only_right_at_threshold": 5, "second_only_right_at_threshold": 17}
    _, answers, at_threshold, *_ = comparison_sentences(comparison(Estimate(0.1), nothing | known))
    assert answers == "Neither answers any of them: all are “cannot tell” to aaaaaaaa and to bbbbbbbb."
    assert "thresholds, right by aaaaaaaa alone: 5; by bbbbbbbb alone: 17." in at_threshold
    _, answers, at_threshold, *_ = comparison_sentences(comparison(Estimate(0.1), nothing | {"second_answered": 0.031}))
    assert answers.startswith("aaaaaaaa answers 0.0% of them, bbbbbbbb 3.1%; rightly") and "not known" in at_threshold


def test_comparison_sentences_without_common_rows():
    assert comparison_sentences(comparison(reason="other data")) == ["Not compared row by row: other data"]


def test_comparison_to_dict_is_json():
    values = json.loads(json.dumps(comparison_to_dict(comparison(Estimate(0.05))), allow_nan=False))
    assert values["scores"]["difference"] == {"value": 0.05, "low": None, "high": None}
    assert values["parameters"] == [{"name": "epochs", "first": 3, "second": 5}]
    assert comparison_to_dict(comparison())["scores"] is None


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"state": "error"}, "error"),
        ({"results": {"verdict": "production", "failed_checks": "none"}}, "production"),
        ({"results": {"verdict": "candidate", "failed_checks": "a"}}, "candidate: 1 check failed"),
        ({"results": {"verdict": "candidate", "failed_checks": "a, b"}}, "candidate: 2 checks failed"),
        ({"results": {}}, "–"),
    ],
)
def test_experiment_rows_outcome(values, outcome):
    head, ((*_, text),) = experiment_rows([experiment(**values)])
    assert text == outcome and head[-1] == "verdict"


def test_experiment_rows_numbers():
    results = {"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95, "best_control": "spectrum", "best_control_auc": 0.7}
    ((uid, started, label, auc, control, _),) = experiment_rows([experiment(results=results, label="x")])[1]
    assert (uid, started, label) == ("aaaaaaaa", "2026-01-02 03:04", "x")
    assert (auc, control) == ("0.900 (0.800 to 0.950)", "spectrum 0.700")


def test_value_text():
    assert [value_text(value) for value in (None, [], [0.5, 3], 1 / 3, 0, False)] == [
        "–", "–", "0.5, 3", "0.3333", "0", "False",
    ]  # fmt: skip


def test_value_text_of_a_dictionary():
    assert value_text({"learning_rate": [0.001, 0.01], "weights": "imagenet"}) == (
        "learning_rate=0.001, 0.01; weights=imagenet"
    )
    assert value_text({}) == "–"
