"""An evaluation as a typed report and as flat numbers."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

from aletheia.evaluation.cross_matrix import CELL_COLUMNS
from aletheia.evaluation.fairness_gaps import COLUMNS as GAP_COLUMNS
from aletheia.evaluation.model_comparison import Comparison
from aletheia.evaluation.result import Evaluation, fpr_ratios
from aletheia.evaluation.robustness import COLUMNS as DELIVERY_COLUMNS
from aletheia.release.evaluation_records import CellRecord, FprRatio, GapRecord, GroupRecord, ProductionComparison
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.usage_records import AnsweredRecord, CauseRecord, CoverageRecord, DeliveryRecord, PrevalenceRecord

NAN = float("nan")


def test_to_report_is_what_json_gives_back(evaluation: Evaluation) -> None:
    report = evaluation.to_report(evaluate_run="run")
    text = report.model_dump_json()
    json.loads(text, parse_constant=pytest.fail)  # NaN is no JSON
    assert EvaluationReport.model_validate_json(text).to_dict() == report.to_dict()
    assert report.evaluate_run == "run" and evaluation.to_report().evaluate_run == ""


def test_to_report_numbers_of_the_tables(evaluation: Evaluation) -> None:
    report = evaluation.to_report()
    assert report.weights_sha256 == evaluation.spec.weights_sha256
    assert report.metrics.auc == evaluation.metrics["auc"]
    assert report.baselines["files"].auc == evaluation.shortcut.auc
    assert [cell.auc for cell in report.cells] == evaluation.cells["auc"].tolist()
    assert report.worst_cell.auc == evaluation.cells["auc"].min()
    assert [row.ppv for row in report.prior] == evaluation.prior["ppv"].tolist()
    assert [row.n for row in report.abstention.table] == evaluation.abstention.table["n"].tolist()
    (row,) = report.unreadable
    assert row.path == "/data/<b>gone</b>.png" and report.n_unreadable == 1


def test_to_report_small_cells(evaluation: Evaluation) -> None:
    cells = evaluation.cells.copy()
    cells.loc[0, ["auc", "auc_low", "auc_high"]] = NAN
    report = dataclasses.replace(evaluation, cells=cells).to_report()
    assert report.unjudged_cells == ["blend × studio"] and report.worst_cell.generator == "swap"
    cells[["auc", "auc_low", "auc_high"]] = NAN
    assert dataclasses.replace(evaluation, cells=cells).to_report().worst_cell is None


def test_to_report_production(evaluation: Evaluation) -> None:
    comparison = Comparison("store://x", False, 0.9, 0.8, 0.1, 0.05, NAN, 10, True, "a" * 64)
    record = dataclasses.replace(evaluation, production=comparison).to_report().production
    assert isinstance(record, ProductionComparison) and math.isnan(record.high)
    assert (record.other, record.difference, record.weights_sha256) == ("store://x", 0.1, "a" * 64)


@pytest.mark.parametrize(
    ("record", "columns"),
    [
        (CellRecord, lambda e: CELL_COLUMNS),
        (GapRecord, lambda e: GAP_COLUMNS),
        (DeliveryRecord, lambda e: DELIVERY_COLUMNS),
        (GroupRecord, lambda e: e.subgroups.columns),
        (PrevalenceRecord, lambda e: e.prior.columns),
        (AnsweredRecord, lambda e: e.abstention.table.columns),
        (CauseRecord, lambda e: e.abstention.causes.columns),
        (CoverageRecord, lambda e: e.abstention.coverage.columns),
    ],
)
def test_to_report_records_have_the_columns(evaluation: Evaluation, record, columns) -> None:
    assert list(record.model_fields) == list(columns(evaluation))


def test_headline_comparisons_stand_beside_the_numbers(evaluation: Evaluation) -> None:
    origin = evaluation.origin()
    assert (origin["architecture"], origin["fault"], origin["test_data_hash"]) == (
        evaluation.spec.architecture,
        "none",
        evaluation.data_hash,
    )
    assert origin["recipe"] == evaluation.spec.recipe()
    headline = evaluation.headline()
    assert headline["majority_share"] == pytest.approx(89 / 119)  # one of 90 fakes is unreadable
    assert {"accuracy", "auc", "auc_low", "auc_high", "shortcut_auc", "n_unreadable"} <= set(headline)
    assert all(isinstance(value, int | float) and np.isfinite(value) for value in headline.values())


def test_labels_of_scored_rows(evaluation: Evaluation) -> None:
    y, p = evaluation.labels()
    assert len(y) == len(p) == 119 and y.sum() == 89 and np.isfinite(p).all()


def test_fpr_ratios_by_column() -> None:
    row = dict.fromkeys(GAP_COLUMNS, NAN) | {"n_values": 2, "highest": "b", "lowest": "a", "verdict": ""}
    fpr = {"column": "age", "rate": "fpr", "ratio": 2.0, "ratio_low": 1.0, "ratio_high": 3.0, "p_value": 0.04}
    fpr |= {"lowest_rate": 0.1}
    gaps = pd.DataFrame([row | fpr, row | {"column": "age", "rate": "fnr"}])
    expected = FprRatio(column="age", group="b", ratio=2, low=1, high=3, p=0.04, lowest="a", lowest_rate=0.1)
    assert fpr_ratios(gaps) == [expected]
