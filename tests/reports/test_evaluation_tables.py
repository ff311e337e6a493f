"""Tables of the evaluation's page: numbers of the report, names escaped, missing parts named."""

from __future__ import annotations

import math

import pytest

from aletheia.models.calibration_map import Calibration
from aletheia.models.spec import ModelSpec
from aletheia.release.data_records import UnreadableRow
from aletheia.release.evaluation_records import GapRecord, GroupRecord
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult
from aletheia.release.metrics_record import MetricsRecord
from aletheia.release.training_records import TrainingRecord
from aletheia.release.usage_records import AbstentionRecord, AnsweredRecord, CauseRecord, CoverageRecord
from aletheia.reports.evaluation_tables import (
    abstention_tables,
    audit_table,
    baselines_table,
    cells_table,
    checks_table,
    gaps_table,
    groups_table,
    in_training,
    metrics_table,
    origin_table,
    prior_table,
    unreadable_table,
)

from .helpers import read_tables, tags

NAN = math.nan


def rows(html: str) -> list[list[str]]:
    (table,) = read_tables(html)
    return table[1:]


def group(**changes: object) -> GroupRecord:
    nothing = dict.fromkeys([name for name in GroupRecord.model_fields if name[:3] in ("auc", "fpr", "fnr", "ece")])
    values = {"column": "age", "value": "<i>60+</i>", "n": 1030, "n_real": 1000, "n_fake": 30, "verdict": ""}
    return GroupRecord.model_validate(values | nothing | changes)


def test_checks_table_order_and_words():
    html = checks_table(
        [
            CheckResult("b", "not judged", "no <i>data</i>", exception="accepted"),
            CheckResult("a", "passed", "1 of 2", limit=0.5, default_limit=0.7, is_loosened=True),
            CheckResult("c", "failed", "0 of 2"),
        ]
    )
    assert rows(html) == [
        ["c", "failed", "0 of 2"],
        ["b", "not judged, accepted", "no <i>data</i>"],
        ["a", "passed", "1 of 2; limit loosened: 0.5 in place of 0.7"],
    ]
    assert "<b>failed</b>" in html and "i" not in tags(html)
    assert "<b>not judged</b>" in checks_table([CheckResult("d", "not judged", "")])


def test_baselines_table_numbers_and_reasons(good):
    good["baselines"]["files"].update(leading=["width", "<height>"])
    good["baselines"]["spectrum"].update(auc=None, low=None, high=None, reason="one <class>")
    auc = good["metrics"]["auc"]
    listed = rows(baselines_table(EvaluationReport.parse(good)))
    assert listed[0] == ["the network", f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})", ""]
    assert listed[1] == [
        "the network, among pairs alike in gender, thumbnail", "0.970 (0.930 to 0.990)", "20% of all pairs"
    ]  # fmt: skip
    assert listed[2] == ["file properties alone", "0.520 (0.450 to 0.590)", "width, <height>"]
    assert ["frequency spectrum alone", "one <class>", ""] in listed
    good["alike"].update(auc=None, auc_low=None, auc_high=None, share=0.0)
    assert rows(baselines_table(EvaluationReport.parse(good)))[1][1:] == ["no pair is alike", "0% of all pairs"]


def test_metrics_table_values_intervals_and_comparisons(good_report):
    listed = {row[0]: row[1:] for row in rows(metrics_table(good_report))}
    metrics = good_report.metrics
    assert len(listed) == 14
    fpr = metrics.fpr
    assert listed["false-positive rate"][:2] == [f"{fpr.value:.3f}", f"{fpr.low:.3f} to {fpr.high:.3f}"]
    assert listed["accuracy"][2] == "always saying the larger class has 0.500"
    assert "150 real and 150 fake faces; 0 more could not be read." in metrics_table(good_report)


def test_metrics_table_levels_and_undefined(good):
    frame = {name: good[name] for name in MetricsRecord.model_fields} | {"n": 1500}
    good["levels"] = {"frame": frame}
    good["metrics"] = good["metrics"] | {"eer": {"value": None, "low": None, "high": None}}
    html = metrics_table(EvaluationReport.parse(good))
    assert read_tables(html)[0][0] == ["metric", "faces", "95 % interval", "frames (1,500)", "compare with"]
    listed = {row[0]: row[1:] for row in rows(html)}
    assert listed["equal error rate"][:2] == ["not defined", "–"]
    auc = frame["metrics"]["auc"]
    assert listed["AUC"][2] == f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})"


def test_groups_table_values_and_too_few():
    html = groups_table([group(fpr=0.1, fpr_low=0.05, fpr_high=0.2)])
    few = "too few to say"
    assert rows(html) == [["age: <i>60+</i>", "–", "1,000", "30", few, "0.100 (0.050 to 0.200)", few, few]]
    assert "i" not in tags(html)


def test_tables_say_what_was_in_training(good):
    names = [{"column": "age", "known": ["<i>60+</i>"]}, {"column": "source", "known": ["cam-a"]}]
    names.append({"column": "generator", "unknown": ["swap"]})
    training = TrainingRecord(faces=9, names=names)
    assert rows(groups_table([group()], training))[0][1] == "yes"
    assert in_training(training, "generator", "swap") == "no" and in_training(None, "generator", "swap") == "–"
    good |= {
        "training": training.model_dump(mode="json"),
        "cells": [good["worst_cell"] | {"auc_high": 0.4, "auc": 0.3}],
    }
    (cell,) = rows(cells_table(EvaluationReport.parse(good)))
    assert cell[:2] == ["swap against cam-a", "generator unknown to the model"]
    assert cell[-1].startswith("ranks the wrong way round")


def test_groups_table_without_groups():
    assert groups_table([]) == "<p>The manifest has no columns for this.</p>"


def test_gaps_table_values_and_too_few():
    nothing = dict.fromkeys(GapRecord.model_fields) | {"column": "age", "rate": "fnr", "n_values": 1}
    nothing |= {"highest": "", "lowest": "", "verdict": "too few to say"}
    numbers = {"gap": 0.2, "gap_low": 0.1, "gap_high": 0.3, "p_value": 0.04, "rate": "fpr", "verdict": ""}
    numbers |= {"highest": "<60+>", "highest_rate": 0.3, "lowest": "18", "lowest_rate": 0.1}
    gaps = [GapRecord.model_validate(values) for values in (nothing | numbers, nothing)]
    assert rows(gaps_table(gaps)) == [
        ["age", "false positives", "0.200 (0.100 to 0.300)", "<60+> (0.300)", "18 (0.100)", "0.040"],
        ["age", "false negatives", "too few to say", "", "", ""],
    ]
    assert gaps_table([]) == ""


@pytest.fixture
def abstention() -> AbstentionRecord:
    answered = {"label": "all", "n": 1200, "answered": 0.9, "answered_low": 0.85, "answered_high": 0.95}
    answered |= {"error_answered": 0.05, "error_answered_low": None, "error_answered_high": None}
    answered |= dict.fromkeys(("error_all", "error_all_low", "error_all_high"))
    cause = {
        "cause": "<small>",
        "n": 12,
        "share": 0.01,
        "share_low": 0.005,
        "share_high": 0.02,
        "real": 0.0,
        "fake": 0.0,
    }
    coverage = {"label": "real", "n": 600, "covered": 0.91, "covered_low": 0.89, "covered_high": 0.93}
    coverage |= {"p_value": 0.0002, "limits_from": 13.7}
    return AbstentionRecord(
        table=[AnsweredRecord.model_validate(answered)],
        causes=[CauseRecord(**cause, wrong=0.25), CauseRecord(**cause | {"n": 0, "cause": "none"}, wrong=NAN)],
        coverage=[CoverageRecord(**coverage, promised=0.9, kept=True)],
    )


def test_abstention_tables_numbers(good_report, abstention):
    answered, causes, promises = read_tables(
        abstention_tables(good_report.model_copy(update={"abstention": abstention}))
    )
    assert answered[1] == ["all", "1,200", "90.0% (85.0% to 95.0%)", "5.0%", "–"]
    assert causes[1:] == [["<small>", "12", "1.0% (0.5% to 2.0%)", "25%"]]  # those without faces are left out
    assert promises[1] == ["real", "600", "91.0% (89.0% to 93.0%)", "90%", "14", "< 0.001", "kept"]


def test_abstention_tables_of_a_model_that_always_answers(good_report, abstention):
    always = AbstentionRecord(table=abstention.table)
    assert len(read_tables(abstention_tables(good_report.model_copy(update={"abstention": always})))) == 1


def test_prior_table_predictive_values(good, good_report):
    html, first = prior_table(good_report), good["prior"][0]
    assert rows(html)[0] == [
        "0.1%",
        *(f"{first[n]:.1%} ({first[f'{n}_low']:.1%} to {first[f'{n}_high']:.1%})" for n in ("ppv", "npv")),
    ]
    low, high = first["false_alarms_low"], first["false_alarms_high"]
    alarms = f"{first['false_alarms']:,.0f} ({low:,.0f} to {high:,.0f})"
    assert f"Of 10,000 genuine photos {alarms} would be called fake." in html
    # Bayes' rule by hand, for one fake in a thousand.
    recall, fpr = good["metrics"]["recall"]["value"], good["metrics"]["fpr"]["value"]
    assert rows(html)[0][1].startswith(f"{recall * 0.001 / (recall * 0.001 + fpr * 0.999):.1%} ")


def test_prior_table_one_class(good):
    for row in good["prior"]:
        row.update(dict.fromkeys(name for name in row if name != "base_rate"))
    html = prior_table(EvaluationReport.parse(good))
    assert rows(html)[0] == ["0.1%", "–", "–"] and "Of 10,000" not in html
    assert rows(prior_table(EvaluationReport.parse(good | {"prior": []}))) == []


def test_unreadable_table_escapes_and_cuts(good_report):
    assert unreadable_table(good_report) == ""
    unreadable = [UnreadableRow(path=f"<{k}>.png", reason="is empty") for k in range(103)]
    html = unreadable_table(good_report.model_copy(update={"unreadable": unreadable}))
    assert rows(html)[:1] == [["<0>.png", "is empty"]] and len(rows(html)) == 100 and "… and 3 more." in html


@pytest.mark.parametrize(
    ("calibration", "text"),
    [
        (Calibration(method="platt", scale=2, shift=0.5), "platt (scale 2.000, shift 0.500)"),
        (Calibration(method="isotonic", knots=((0.0, 0.1), (1.0, 0.9))), "isotonic"),
    ],
)
def test_origin_table_facts(good_report, calibration, text):
    spec = ModelSpec(
        architecture="a<b",
        input_size=96,
        parameters=12345,
        weights_sha256="b" * 64,
        calibration=calibration,
        versions={"x": "1"},
    )
    facts = dict(read_tables(origin_table(good_report, spec))[0])
    assert facts["architecture"] == "a<b, 12,345 parameters" and facts["calibration"] == text
    assert facts["test data"] == "d" * 64 and facts["weights (SHA-256)"] == "b" * 64
    assert facts["training run"] == facts["training data"] == "not recorded"
    assert facts["versions"] == "x 1"


def test_audit_table_says_which_faces_it_is_about(good):
    """Without training rows the faces from elsewhere are audited, which the network did not learn from."""
    assert "in training, validation and test faces" in audit_table(EvaluationReport.parse(good))
    elsewhere = audit_table(EvaluationReport.parse(good | {"leaks": None}))
    assert "<th>in these faces</th>" in elsewhere and "training" not in elsewhere
    assert "of one label" in audit_table(EvaluationReport.parse(good | {"audit": None}))
