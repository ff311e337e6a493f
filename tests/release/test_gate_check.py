"""The form of a check: limits and results."""

from __future__ import annotations

import pytest
from pydantic import ValidationError, create_model

from aletheia.release.gate_check import CheckResult, GateCheck, GateContext, Limit, few_groups


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
        "failed",
        "4 rows",
        code="few-unreadable",
        documentation="methodology.md#check-few-unreadable",
    )


@pytest.mark.parametrize(
    ("state", "required", "exception", "verdict", "allows"),
    [
        ("passed", True, "", "passed", True),
        ("failed", True, "", "FAILED", False),
        ("failed", False, "", "FAILED", False),
        ("failed", True, "waived", "FAILED, waived", True),
        ("not judged", True, "", "not judged", False),
        ("not judged", False, "", "not judged", True),
        ("not judged", True, "accepted", "not judged, accepted", True),
    ],
)
def test_check_result_states(state, required, exception, verdict, allows):
    result = CheckResult("a", state, "", required=required, exception=exception)
    assert (result.verdict, result.allows, result.passed) == (verdict, allows, state == "passed")
    assert result.to_dict()["state"] == state


def test_gate_check_not_judged_is_required_and_names_the_remedy():
    result = Unreadable().not_judged("no rows", remedy="bring some")
    assert (result.state, result.required, result.allows) == ("not judged", True, False)
    assert result.detail == "no rows; bring some"


@pytest.mark.parametrize(("value", "loosened"), [(2, False), (3, False), (4, True)])
def test_limit_is_loosened(value, loosened):
    assert Unreadable.limit.is_loosened(value) == loosened
    assert Limit("auc", 0.7, "", strict_up=True).is_loosened(0.6)
    assert not Limit("auc", 0.7, "", strict_up=True).is_loosened(0.8)


@pytest.mark.parametrize(
    ("real", "fake", "least", "words"),
    [
        (8, 8, 8, ""),
        (7, 20, 8, "the genuine test faces are of 7 independent groups"),
        (20, 3, 8, "the fake test faces are of 3 independent groups"),
        (0, 0, 8, "is not recorded; run evaluate again"),
        (2, 2, 0, ""),
    ],
)
def test_few_groups_names_the_class_and_the_remedy(good_report, real, fake, least, words):
    text = few_groups(good_report.model_copy(update={"groups_real": real, "groups_fake": fake}), least)
    assert (words in text) if words else text == ""
