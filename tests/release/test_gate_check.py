"""The form of a check: limits and results."""

from __future__ import annotations

import pytest
from pydantic import ValidationError, create_model

from aletheia.release.gate_check import CheckResult, GateCheck, GateContext, Limit


class Unreadable(GateCheck):
    """Few rows could not be read."""

    code = "few-unreadable"
    name = "few unreadable rows"
    limit = Limit("unreadable", 3, "Most rows that could not be read.", ge=0, lt=10)

    def judge(self, report, context):
        return self.result(report.n_unreadable <= context.limit, f"{report.n_unreadable} rows")


def test_limit_pydantic_field_type_default_range_description():
    model = create_model("Model", unreadable=Unreadable.limit.pydantic_field())
    schema = model.model_json_schema()["properties"]["unreadable"]
    assert schema.pop("title")
    assert schema == {
        "type": "integer",
        "default": 3,
        "minimum": 0,
        "exclusiveMaximum": 10,
        "description": "Most rows that could not be read.",
    }
    assert model().unreadable == 3 and model(unreadable=0).unreadable == 0
    for value in (-1, 10, 0.5):
        with pytest.raises(ValidationError):
            model(unreadable=value)


def test_gate_check_judge_with_its_limit(good_report):
    report = good_report.model_copy(update={"n_unreadable": 4})
    assert [Unreadable().judge(report, GateContext(limit)).passed for limit in (3, 4)] == [False, True]


def test_gate_check_result_names_its_check():
    result = Unreadable().result(False, "4 rows")
    assert result == CheckResult(
        "few unreadable rows",
        False,
        "4 rows",
        code="few-unreadable",
        documentation="methodology.md#check-few-unreadable",
    )


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (CheckResult("a", True, ""), "passed"),
        (CheckResult("a", False, ""), "FAILED"),
        (Unreadable().not_judged("no rows"), "not judged"),
        (Unreadable().not_judged("no rows", blocks=True), "not judged"),
    ],
)
def test_check_result_verdict(result, verdict):
    assert result.verdict == verdict


def test_gate_check_not_judged_passes():
    result = Unreadable().not_judged("no rows")
    assert result.passed and not result.judged and result.detail == "not judged: no rows"
    assert not Unreadable().not_judged("no rows", blocks=True).passed
