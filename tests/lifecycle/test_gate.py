"""The gate says no for each reason on its own."""

from __future__ import annotations

import copy

import pytest

from aletheia.errors import InputError
from aletheia.lifecycle.gate import judge

GOOD = {
    "metrics": {
        "auc": {"value": 0.95, "low": 0.92, "high": 0.97},
        "balanced_accuracy": {"value": 0.88, "low": 0.84, "high": 0.91},
    },
    "shortcut": {"auc": 0.52, "low": 0.45, "high": 0.59},
    "leaks": 0,
    "fault": "none",
}


def failed(evaluation: dict) -> list[str]:
    return [check.name for check in judge(evaluation) if not check.passed]


def test_a_good_model_passes_every_check():
    assert failed(GOOD) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda e: e["shortcut"].update(auc=0.9, low=0.86, high=0.93), "beats the file-property shortcut"),
        (lambda e: e.update(shortcut=None), "beats the file-property shortcut"),
        (lambda e: e["metrics"]["balanced_accuracy"].update(low=0.49), "beats the majority class"),
        (lambda e: e.update(leaks=1), "no leakage"),
        (lambda e: e.update(fault="shuffled-labels"), "no injected fault"),
    ],
)
def test_each_fault_is_refused_by_its_own_check(change, name):
    evaluation = copy.deepcopy(GOOD)
    change(evaluation)
    assert failed(evaluation) == [name]


def test_the_detail_holds_the_numbers():
    detail = judge(GOOD)[0].detail
    assert "0.950 (0.920 to 0.970)" in detail
    assert "0.520 (0.450 to 0.590)" in detail


def test_an_evaluation_without_its_parts_is_an_input_error():
    with pytest.raises(InputError, match="Run evaluate again"):
        judge({"metrics": {}})
