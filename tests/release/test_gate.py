"""The gate's decision and its limits."""

from __future__ import annotations

import math

import pytest

from aletheia.core.errors import InputError
from aletheia.release.checks import registered_checks
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.exceptions import Exceptions
from aletheia.release.gate import (
    GateLimits,
    gate_labels,
    limits_model,
    refusal_sentences,
    release_tag,
    run_gate,
)


def failed(values: dict, limits: GateLimits | None = None) -> list[str]:
    checks = run_gate(EvaluationReport.parse(values), limits, production_weights="")
    return [check.name for check in checks if not check.passed]


def test_run_gate_passes_a_good_model(good, good_report):
    checks = run_gate(good_report, production_weights="")
    assert failed(good) == [] and len(checks) == len(registered_checks())
    assert release_tag(checks) == "production" and refusal_sentences(checks) == [] and gate_labels(checks) == {}


def test_run_gate_required_unjudged_checks_block_until_accepted(good):
    """A user without groups of people gets a candidate, and a sentence with the way out."""
    good |= {"subgroups": [], "gaps": [], "fpr_ratios": []}
    report = EvaluationReport.parse(good)
    checks = run_gate(report, production_weights="")
    assert release_tag(checks) == "candidate"
    assert refusal_sentences(checks)[0] == (
        "“false alarms are shared fairly” is not judged: no group of people is known among the test faces; name the "
        "groups of people in one of the columns gender, age, skin_tone or ethnicity. Or accept that with "
        "--accept-unjudged fair-false-alarms."
    )
    accepted = Exceptions.parse(["fair-false-alarms", "groups have similar false alarms"])
    checks = run_gate(report, exceptions=accepted, production_weights="")
    assert release_tag(checks) == "production"
    codes = "fair-false-alarms.false-alarm-gap"
    assert gate_labels(checks) == {"not_judged": codes, "accepted": codes}


def test_run_gate_says_which_class_is_missing(good):
    """Genuine faces alone: what cannot be judged lacks fakes, not columns, thumbnails or learners."""
    good |= {"n_fake": 0, "groups_fake": 0}
    good["alike"].update(columns=[])
    checks = {check.code: check for check in run_gate(EvaluationReport.parse(good), production_weights="")}
    for code in ("alike-pairs", "beats-controls", "calibrated", "no-weak-cell"):
        assert checks[code].detail == "there are no fake test faces", code
    assert checks["fair-false-alarms"].judged  # genuine faces are enough


def test_run_gate_accepting_does_not_excuse_a_failure(good):
    good["fpr_ratios"][0].update(low=2.5, p=0.01)
    exceptions = Exceptions.parse(["fair-false-alarms"])
    checks = run_gate(EvaluationReport.parse(good), exceptions=exceptions, production_weights="")
    assert release_tag(checks) == "candidate" and gate_labels(checks) == {"failed": "fair-false-alarms"}


@pytest.mark.parametrize(
    ("waived", "tag"), [((), "candidate"), (("light",), "candidate"), (("light", "gender"), "production")]
)
def test_run_gate_waives_shortcuts_by_name(good, waived, tag):
    good["audit"][0].update(auc=0.8, low=0.7, tells=True)
    good["associations"][1].update(cramers_v=0.5)
    checks = run_gate(EvaluationReport.parse(good), exceptions=Exceptions.parse(waive=waived), production_weights="")
    (check,) = (check for check in checks if check.code == "no-shortcut")
    assert release_tag(checks) == tag and check.state == "failed"
    assert "light (light), AUC 0.80 (0.70 to 0.59)" in check.detail and "the column gender, V 0.50" in check.detail


def test_run_gate_few_groups_are_not_judged(good):
    good |= {"groups_real": 7, "groups_fake": 20}
    checks = run_gate(EvaluationReport.parse(good), production_weights="")
    unjudged = {check.code for check in checks if not check.judged}
    assert {"beats-controls", "calibrated", "no-weak-cell", "fair-false-alarms", "beats-majority-class"} <= unjudged
    assert {check.code for check in checks if check.judged} == {
        "no-leakage",
        "no-shortcut",
        "no-injected-fault",
        "beats-production",
        "evidence-spread",  # rests on fakes alone
    }


def test_run_gate_shows_loosened_limits_beside_the_defaults(good_report):
    checks = run_gate(good_report, GateLimits.parse({"cell_auc": 0.6, "fpr_ratio": 1.5}), production_weights="")
    assert {check.code: check.loosened for check in checks if check.is_loosened} == {
        "no-weak-cell": "0.6 in place of 0.7"
    }
    assert gate_labels(checks) == {"loosened": "no-weak-cell"}


def test_run_gate_with_limits(good):
    strict = {"fpr_ratio": 1, "cell_auc": 0.95, "calibration_error": 0.001}
    good["fpr_ratios"][0].update(low=1.01, p=0.01)
    good["calibration_error"].update(value=0.1, high=0.11, expected=0.05)
    assert failed(good) == []
    names = ["false alarms are shared fairly", "no weak cell", "calibrated"]
    assert failed(good, GateLimits.parse(strict)) == names


@pytest.mark.parametrize("key", ["files", "blanked", "spectrum"])
def test_run_gate_missing_baseline(good, key):
    del good["baselines"][key]
    results = run_gate(EvaluationReport.parse(good))
    (check,) = [check for check in results if "none of these baselines; run evaluate again" in check.detail]
    assert not check.judged and not check.allows


def test_gate_limits_fields_defaults_and_ranges():
    defaults = {"fpr_ratio": 2.0, "fpr_gap": 0.15, "cell_auc": 0.7, "calibration_error": 0.1}
    assert GateLimits.parse(None).model_dump().items() >= defaults.items()
    properties = limits_model().model_json_schema()["properties"]
    ranges = {name: {k: v for k, v in field.items() if "imum" in k} for name, field in properties.items()}
    assert ranges["fpr_ratio"] == {"minimum": 1, "maximum": 100}
    assert ranges["cell_auc"] == {"minimum": 0.5, "maximum": 1}
    assert ranges["calibration_error"] == {"exclusiveMinimum": 0, "maximum": 1}
    assert all(field["description"] for field in properties.values())


@pytest.mark.parametrize("values", [{"fpr": 2}, {"cell_auc": 0.2}, {"fpr_ratio": float("nan")}, {"cell_auc": "much"}])
def test_gate_limits_refuse(values):
    (name,) = values
    with pytest.raises(
        InputError,
        match=f"limits of the gate: {name}: .* There are: evidence_share, alike_share, cramers_v, fpr_ratio",
    ):
        GateLimits.parse(values)


def test_gate_limits_of_check():
    limits = GateLimits.parse({"cell_auc": 0.9})
    values = {check.code: limits.of(check) for check in registered_checks()}
    assert (values["fair-false-alarms"], values["no-weak-cell"], values["calibrated"]) == (2.0, 0.9, 0.1)
    assert math.isnan(values["no-leakage"])


def test_gate_limits_of_check_without_its_field():
    """Limits that were parsed before an extension registered its check: its default holds."""
    check = next(check for check in registered_checks() if check.code == "calibrated")
    assert GateLimits().of(check) == 0.1
