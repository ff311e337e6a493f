"""The gate says no for each reason on its own, with the numbers."""

from __future__ import annotations

import json

import pytest

from aletheia.core.errors import InputError
from aletheia.release.gate import GateLimits, run_gate

OTHER = {
    "other": "store://models/aletheia/detector:production",
    "same": False,
    "auc": 0.95,
    "other_auc": 0.90,
    "difference": 0.05,
    "low": 0.02,
    "high": 0.08,
    "n": 300,
    "same_data": True,
    "weights_sha256": "p" * 64,
}


def failed(evaluation: dict, limits: GateLimits | None = None) -> list[str]:
    return [check.name for check in run_gate(json.loads(json.dumps(evaluation)), limits) if not check.passed]


def test_a_good_model_passes_every_check(good):
    checks = run_gate(good)
    assert failed(good) == [] and len(checks) == 10
    assert [check.name for check in checks if not check.judged] == ["better than the model in production"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda e: e["baselines"]["files"].update(auc=0.99, high=0.995), "beats the file-property shortcut"),
        (lambda e: e["baselines"]["files"].update(auc=None, reason="one class"), "beats the file-property shortcut"),
        (lambda e: e["baselines"]["thumbnail"].update(auc=0.97, high=0.999), "beats the controls"),
        (lambda e: e["baselines"]["spectrum"].update(auc=0.9, high=0.999), "beats the frequency spectrum"),
        (lambda e: e["metrics"]["balanced_accuracy"].update(low=0.49), "beats the majority class"),
        (lambda e: e.update(leaks=1), "no leakage"),
        (lambda e: e.update(own_rows=False), "no leakage"),
        (lambda e: e["fpr_ratios"][0].update(ratio=3.5, low=2.1, p=0.01), "false alarms are shared fairly"),
        (lambda e: e["worst_cell"].update(auc=0.69), "no weak cell"),
        (lambda e: e["calibration_error"].update(value=0.2), "calibrated"),
        (lambda e: e["calibration_error"].update(value=None), "calibrated"),
        (lambda e: e.update(fault="shuffled-labels"), "no injected fault"),
        (lambda e: e.update(production=OTHER | {"low": -0.01}), "better than the model in production"),
        (lambda e: e.update(production={"reason": "its files are gone"}), "better than the model in production"),
    ],
)
def test_each_fault_is_refused_by_its_own_check(good, change, name):
    change(good)
    assert failed(good) == [name]


@pytest.mark.parametrize(
    "change",
    [
        # A ratio above the limit that chance explains; a few controls that could not be computed; the same model again.
        lambda e: e["fpr_ratios"][0].update(ratio=2.5, low=1.1, high=4.0, p=0.01),
        lambda e: e["fpr_ratios"][0].update(ratio=3.5, low=2.1, high=4.0, p=0.3),
        lambda e: [e["baselines"][key].update(auc=None, low=None, high=None) for key in ("keypoints", "blanked")],
        lambda e: e.update(production=OTHER | {"same": True, "low": 0.0}),
        lambda e: e.update(production=OTHER),
        lambda e: e["calibration_error"].update(value=0.13, expected=0.05),
    ],
)
def test_what_is_no_reason_to_refuse(good, change):
    change(good)
    assert failed(good) == []


def test_what_nobody_can_know_is_said_to_be_not_judged(good):
    good["fpr_ratios"], good["worst_cell"] = [], None
    unknown = {check.name: check.detail for check in run_gate(good) if not check.judged}
    assert set(unknown) == {"false alarms are shared fairly", "no weak cell", "better than the model in production"}
    assert all(detail.startswith("not judged: ") for detail in unknown.values())


def test_without_both_classes_nothing_is_shown(good):
    for name in ("auc", "balanced_accuracy"):
        good["metrics"][name] = {"value": None, "low": None, "high": None}
    names = failed(good)
    assert {"beats the file-property shortcut", "beats the controls", "beats the majority class"} <= set(names)


def test_the_comparison_must_be_with_what_answers_now(good):
    def refused(present: str, production: dict | None) -> bool:
        checks = run_gate(good | {"production": production}, present=present)
        return not next(check for check in checks if check.name == "better than the model in production").passed

    assert not refused("", None) and not refused("p" * 64, OTHER)
    assert refused("p" * 64, None) and refused("q" * 64, OTHER) and refused("", OTHER)


def test_cells_that_are_too_small_are_named(good):
    good["unjudged_cells"] = [f"rare-{k} × cam-a" for k in range(6)]
    detail = next(check.detail for check in run_gate(good) if check.name == "no weak cell")
    assert "too few test rows to judge rare-0 × cam-a, " in detail and detail.endswith("and 2 more")


def test_limits_can_be_stated(good):
    strict = {"fpr_ratio": 1, "cell_auc": 0.95, "calibration_error": 0.001}
    good["fpr_ratios"][0].update(low=1.01, p=0.01)
    good["calibration_error"].update(value=0.1, expected=0.05)
    assert failed(good) == []
    names = ["false alarms are shared fairly", "no weak cell", "calibrated"]
    assert failed(good, GateLimits.parse(strict)) == names
    for wrong in ({"fpr": 2}, {"cell_auc": 0.2}, {"fpr_ratio": float("nan")}):
        with pytest.raises(InputError, match="limits of the gate"):
            GateLimits.parse(wrong)


def test_the_detail_holds_the_numbers(good):
    details = {check.name: check.detail for check in run_gate(good)}
    auc = good["metrics"]["auc"]
    numbers = f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})"
    assert numbers in details["beats the controls"] and "0.520 (0.450 to 0.590)" in details["beats the controls"]
    assert "gender female: 1.20 times" in details["false alarms are shared fairly"]
    assert "swap against genuine cam-a" in details["no weak cell"]


def test_an_evaluation_without_its_parts_is_an_input_error():
    with pytest.raises(InputError, match="Run evaluate again"):
        run_gate({"metrics": {}})
