"""The typed report of an evaluation: the JSON of earlier versions, null and NaN, and errors."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.release.evaluation_records import NotCompared, ProductionComparison
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate import run_gate

#: Written by earlier versions: one with dictionaries of the same fields, and the first with a gate.
UNTYPED, FIRST_GATE = (Path(__file__).parent / "data" / f"evaluation_{name}.json" for name in ("untyped", "first_gate"))


def test_evaluation_report_round_trip_of_untyped_file():
    text = UNTYPED.read_text()
    report = EvaluationReport.model_validate_json(text)
    old = json.loads(text)
    for baseline in old["baselines"].values():  # compared with the network since
        baseline.update(difference=None, standard_error=None, df=0, kind="", absent=False)
    old["production"].update(standard_error=None, df=0, logit_error=None, new_faces=None)
    new = dict.fromkeys(("grouping", "audit", "associations", "tries", "spread", "alike", "sealed", "saliency"))
    new |= {
        "groups_real": 0,
        "groups_fake": 0,
        "crops": "",
        "training": None,
        "other_sources": "",
        "kind_note": "",
        "n_sealed": 0,
    }
    old["abstention"]["groups"] = []
    for ratio in old["fpr_ratios"]:  # to the rate of all rows, which is another question
        ratio.update(lowest="", lowest_rate=None)
    for row in old["abstention"]["coverage"]:  # limits of few validation people scatter
        row.update(p_value=None, limits_from=None)
    assert report.to_dict() == old | new
    assert json.loads(report.model_dump_json()) == old | new


def test_evaluation_report_values_of_untyped_file():
    values, report = json.loads(UNTYPED.read_text()), EvaluationReport.parse(UNTYPED.read_bytes())
    assert report.metrics.auc.low == values["metrics"]["auc"]["low"]
    assert report.baselines["blanked"].estimate.value == values["baselines"]["blanked"]["auc"]
    assert report.abstention.table[0].answered == values["abstention"]["table"][0]["answered"]
    assert report.delivery[1].flipped == values["delivery"][1]["flipped"]
    assert report.generators[0].with_interval("fnr").high == values["generators"][0]["fnr_high"]
    assert isinstance(report.production, ProductionComparison) and math.isnan(report.production.auc)


def test_evaluation_report_defaults_of_first_gate_file():
    """It lacks whose rows were searched for leaks, small cells, p-values, paired comparisons, weights and the run."""
    report = EvaluationReport.parse(FIRST_GATE.read_text())
    assert report.own_rows is None and report.unjudged_cells == []
    assert math.isnan(report.fpr_ratios[0].p) and report.production.weights_sha256 == ""
    assert not {check.code for check in run_gate(report) if check.passed} - {"no-injected-fault", "beats-production"}


def test_evaluation_report_null_is_nan(good):
    good["baselines"]["files"]["auc"] = None
    good["metrics"]["eer"] = {"value": None, "low": None, "high": None}
    report = EvaluationReport.parse(good)
    assert math.isnan(report.baselines["files"].auc) and not report.metrics.eer.is_defined
    written = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert written["baselines"]["files"]["auc"] is None and written["metrics"]["eer"] == good["metrics"]["eer"]


def test_evaluation_report_production_by_its_fields(good):
    assert EvaluationReport.parse(good).production is None
    report = EvaluationReport.parse(good | {"production": {"reason": "its files are gone"}})
    assert report.production == NotCompared(reason="its files are gone")


@pytest.mark.parametrize("field", ["leaks", "fpr_ratios", "worst_cell", "calibration_error", "fault", "production"])
def test_evaluation_report_requires_what_the_gate_reads(good, field):
    del good[field]
    with pytest.raises(InputError, match=rf"{field}: Field required.*Run evaluate again"):
        EvaluationReport.parse(good)


@pytest.mark.parametrize(
    "values", [{"metrics": {}}, "{", '{"metrics": {"auc": 1}}', b"[]", {"metrics": {"auc": {"value": "high"}}}]
)
def test_evaluation_report_parse_refuses(values):
    with pytest.raises(InputError, match="Run evaluate again"):
        EvaluationReport.parse(values)


def test_evaluation_report_unknown_fields(good):
    good["baselines"]["files"]["p"] = 0.5
    with pytest.raises(InputError, match=r"baselines\.files\.p: Extra inputs"):
        EvaluationReport.parse(good | {"metric": {}})


def test_evaluation_report_baseline_missing(good_report):
    assert good_report.baseline("files").name == "file properties alone"
    with pytest.raises(InputError, match="no baseline 'faces'"):
        good_report.baseline("faces")
