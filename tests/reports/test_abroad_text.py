"""The first sentences about an evaluation."""

from __future__ import annotations

import json
import math

import pytest

from aletheia.release.checks.abstention import AbstentionKeepsPromise
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import GateContext
from aletheia.reports.abroad_text import abroad_sentences, ranking_words
from aletheia.reports.evaluation_tables import abstention_tables
from aletheia.stats.estimate import Estimate

NAN = float("nan")
ANSWERED = {"answered": 0.78, "answered_low": 0.7, "answered_high": 0.8, "error_all": 0.4, "error_all_low": 0.3}
ANSWERED |= {"error_all_high": 0.5, "error_answered": 0.45, "error_answered_low": 0.4, "error_answered_high": 0.5}
TRAINING = {
    "faces": 900,
    "names": [
        {"column": "source", "known": ["a"], "unknown": [f"s{k}" for k in range(7)], "rows": 70, "of": 80},
        {"column": "gender", "known": ["f"], "rows": 0, "of": 80},
    ],
    "shifts": [
        {"key": "w", "name": "width", "family": "files", "distance": 0.93, "chance": 0.1, "median": 224.0}
        | {"trained_median": 1024.0},
        {"key": "h", "name": "height", "family": "files", "distance": 0.1, "chance": 0.2},
    ],
    "far": {"share": 0.34, "share_low": 0.3, "share_high": 0.4, "level": 0.02, "median": 1.7},
    "given_away": [
        {"key": "files", "name": "file properties alone", "trained_auc": 0.9, "auc": 0.3, "low": 0.2, "high": 0.4},
        {"key": "light", "name": "light alone", "trained_auc": None, "auc": None, "low": None, "high": None},
    ],
}


@pytest.mark.parametrize(
    ("auc", "words"),
    [
        (Estimate(0.41, 0.35, 0.47), "ranks the wrong way round: fakes score lower than genuine faces"),
        (Estimate(0.48, 0.42, 0.54), "no better than chance, as far as these faces can tell"),
        (Estimate(0.6, 0.55, 0.65), ""),
        (Estimate(0.4), "not above chance"),
        (Estimate(0.6), ""),
        (Estimate(NAN), ""),
    ],
)
def test_ranking_words(auc, words):
    assert ranking_words(auc) == words


def test_abroad_sentences_say_what_differs_and_what_answers_are_worth(good):
    good["metrics"]["auc"] = {"value": 0.41, "low": 0.35, "high": 0.47}
    good["abstention"]["table"] = [{"label": label, "n": 100, **ANSWERED} for label in ("all", "real", "fake")]
    good["abstention"]["coverage"][1].update(covered=0.25, covered_low=0.2, covered_high=0.31, kept=False)
    part = good["abstention"]["coverage"][1] | ANSWERED | {"column": "source", "value": "s1", "label": "fake"}
    kept = part | {"kept": True, "value": "s2", "covered": 0.9}
    good["abstention"]["groups"] = [part, kept, kept | {"limits_from": 4}, kept | {"groups": 6}]
    good |= {"training": TRAINING, "leaks": None}
    good["audit"][1].update(auc=0.93, low=0.9, high=0.95)
    assert abroad_sentences(EvaluationReport.parse(good)) == [
        "AUC 0.410 (0.350 to 0.470): ranks the wrong way round: fakes score lower than genuine faces.",
        "Unknown to the model: sources s0, s1, s2, s3, s4 and 2 more (70 of 80 faces).",
        "All of these faces' genders were in training.",
        "1 of 2 measured properties differ from the training (distance 0: alike, 1: nothing in common): width 0.93 "
        "(median 224, in training 1024).",
        "In the network's features, spectrum and colours 34.0% (30.0% to 40.0%) of the faces lie farther from the "
        "training faces than 2% of faces of their kind do.",
        "It answers 78.0% (70.0% to 80.0%) of the faces; wrong are 45.0% (40.0% to 50.0%) of the answers: 45.0% (40.0% "
        "to 50.0%) of the answered genuine faces, 45.0% (40.0% to 50.0%) of the answered fakes.",
        "The promise that the right label is plausible for 90% of the genuine faces holds here: it is for 91.0% (85.0% "
        "to 95.0%).",
        "The promise that the right label is plausible for 90% of the fakes does NOT hold here: it is for 25.0% (20.0% "
        "to 31.0%).",
        "Of 4 parts by source, generator, people and label it holds in 1, does NOT hold in 1, cannot be judged in 2: "
        "not in source s1 (fake, 25% (20% to 31%)).",
        "Learners that are blind to faces, trained on the same training faces: file properties alone 0.300 (0.200 to "
        "0.400), the wrong way round, 0.900 within the training; the network 0.410 (0.350 to 0.470).",
        "How biased these faces are, by learners trained and cross-validated on them: background 0.930 (0.900 to "
        "0.950), light 0.520 (0.450 to 0.590), all 0.520 (0.450 to 0.590).",
    ]


def test_abroad_sentences_do_not_call_kept_what_is_not_refuted(good):
    """Limits from the equivalent of four validation faces: three in five fakes are no kept promise, nor all of them."""
    few = {"limits_from": 4.0, "p_value": 0.25, "kept": True}
    row = good["abstention"]["coverage"][1] | few | {"covered": 0.595, "covered_low": 0.443, "covered_high": 0.731}
    good["abstention"]["table"] = [{"label": "all", "n": 100, **ANSWERED}]
    good["abstention"]["coverage"][1] = row
    good["abstention"]["groups"] = [row | ANSWERED | {"column": "source", "value": f"s{k}"} for k in range(3)]
    report = EvaluationReport.parse(good)
    text = " ".join(abroad_sentences(report))
    assert "of the fakes cannot be judged here: it is for 59.5% (44.3% to 73.1%): the limit comes from the" in text
    assert "by source, generator, people and label it cannot be judged in 3." in text
    assert text.count("holds") == 1  # for the genuine faces
    written = json.loads(json.dumps(report.to_dict()))["abstention"]
    assert [row["kept"] for row in written["coverage"]] == [True, None] and "4 independent" in written["groups"][0][
        "reason"
    ]
    assert AbstentionKeepsPromise().judge(report, GateContext(math.nan)).state == "not judged"
    assert "cannot be judged: the limit comes from" in abstention_tables(report)


def test_abroad_sentences_of_one_class(good):
    good |= {"n_fake": 0, "groups_fake": 0}
    good["abstention"]["table"] = [{"label": label, "n": 100, **ANSWERED} for label in ("all", "real")]
    sentences = abroad_sentences(EvaluationReport.parse(good))
    assert "false alarms, as a whole and by group" in sentences[0]
    # What is wrong of all of them need not be said once more.
    answers = "It answers 78.0% (70.0% to 80.0%) of the faces; wrong are 45.0% (40.0% to 50.0%) of the answers."
    assert answers in sentences


def test_abroad_sentences_where_a_class_or_nothing_is_answered(good):
    nothing = dict.fromkeys([name for name in ANSWERED if name.startswith("error_answered")])
    rows = [{"label": label, "n": 9, **ANSWERED} for label in ("all", "real", "fake")]
    rows[2] |= nothing
    good["abstention"]["table"] = rows
    text = " ".join(abroad_sentences(EvaluationReport.parse(good)))
    assert "of the answers: 45.0% (40.0% to 50.0%) of the answered genuine faces, no fakes are answered." in text
    rows[0] |= nothing | {"answered": 0.0, "answered_low": 0.0, "answered_high": 0.01}
    text = " ".join(abroad_sentences(EvaluationReport.parse(good)))
    assert "It answers 0.0% (0.0% to 1.0%) of the faces." in text and "of the answers" not in text


def test_abroad_sentences_list_columns_and_leave_out_learners_without_intervals(good):
    names = [{"column": name, "known": ["x"], "rows": 0, "of": 9} for name in ("source", "generator", "gender")]
    family = {"key": "f", "name": "light", "auc": 0.5, "low": 0.4, "high": 0.6, "tells": False}
    good |= {"training": {"faces": 9, "names": names}, "leaks": None, "audit": [family]}
    text = " ".join(abroad_sentences(EvaluationReport.parse(good)))
    assert "All of these faces' sources, generators and genders were in training." in text
    assert "How biased these faces are" in text
    good["audit"] = [family | {"low": None, "high": None}]
    assert "How biased" not in " ".join(abroad_sentences(EvaluationReport.parse(good)))


def test_abroad_sentences_of_an_earlier_version_ask_to_train_again(good):
    assert "train it again" in abroad_sentences(EvaluationReport.parse(good))[0]


def test_abroad_sentences_say_that_other_kinds_are_not_noticed(good):
    good["kind_note"] = "This model has no test."
    assert "This model has no test." in abroad_sentences(EvaluationReport.parse(good))
