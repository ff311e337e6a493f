"""The gate's decision and its limits."""

from __future__ import annotations

import math

import pytest

from aletheia.core.errors import InputError
from aletheia.release.checks import registered_checks
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate import GateLimits, limits_model, run_gate


def failed(values: dict, limits: GateLimits | None = None) -> list[str]:
    return [check.name for check in run_gate(EvaluationReport.parse(values), limits) if not check.passed]


def test_run_gate_passes_a_good_model(good, good_report):
    checks = run_gate(good_report)
    assert failed(good) == [] and len(checks) == len(registered_checks())
    assert [check.name for check in checks if not check.judged] == ["better than the model in production"]


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
    with pytest.raises(InputError, match=f"no baseline '{key}'. Run evaluate again"):
        run_gate(EvaluationReport.parse(good))


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
        InputError, match=f"limits of the gate: {name}: .* There are: fpr_ratio, fpr_gap, cell_auc, cal"
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
