"""Checks of decisions, cells and calibration at their limits."""

from __future__ import annotations

import pytest

from aletheia.release.checks.quality import NoWeakCell
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import GateContext


@pytest.mark.parametrize(
    ("unknown", "state", "words"),
    [(4, "passed", "AUC 0.900"), (5, "not judged", "the generator of 5 of 45 test rows is not known")],
)
def test_no_weak_cell_tolerates_a_tenth_without_a_generator(good, unknown, state, words):
    cell = good["worst_cell"]
    good["cells"] = [cell, cell | {"generator": "(unknown)", "n_fake": unknown}]
    result = NoWeakCell().judge(EvaluationReport.parse(good), GateContext(0.7))
    assert result.state == state and words in result.detail


def test_no_weak_cell_fails_before_it_is_not_judged(good):
    good |= {"unjudged_cells": ["rare × cam-a"]}
    good["worst_cell"].update(auc=0.6)
    result = NoWeakCell().judge(EvaluationReport.parse(good), GateContext(0.7))
    assert result.state == "failed" and result.detail.endswith("too few test rows to judge rare × cam-a")
