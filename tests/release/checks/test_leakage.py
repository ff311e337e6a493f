"""Leaks are judged only where people are known."""

from __future__ import annotations

import pytest

from aletheia.release.checks.leakage import NoLeakage
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import GateContext


@pytest.mark.parametrize(
    ("grouping", "leaks", "state", "words"),
    [
        ({"rows": 100, "known": 0, "guessed": 0, "people": 0}, 0, "not judged", "known of 0 of 100 test rows only"),
        (
            {"rows": 100, "known": 100, "guessed": 0, "people": 0},
            0,
            "not judged",
            "name the people in the column identity",
        ),
        ({"rows": 100, "known": 100, "guessed": 0, "people": 89}, 0, "not judged", "known of 89 of 100"),
        ({"rows": 100, "known": 100, "guessed": 30, "people": 100}, 0, "passed", "the videos of 30 of 100 test rows"),
        (
            {"rows": 100, "known": 95, "guessed": 0, "people": 95},
            0,
            "passed",
            "the person of 5 of 100 test rows is not",
        ),
        ({"rows": 100, "known": 0, "guessed": 0, "people": 0}, 2, "failed", "2 groups"),
        (None, 0, "not judged", "run evaluate again"),
    ],
)
def test_no_leakage_is_judged_only_where_people_are_known(good, grouping, leaks, state, words):
    good |= {"grouping": grouping, "leaks": leaks}
    result = NoLeakage().judge(EvaluationReport.parse(good), GateContext(0))
    assert result.state == state and words in result.detail
