"""The checks that a model must pass before it may answer in production.

Each check compares numbers of the evaluation and keeps them beside its verdict, so that a refusal can be argued with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from aletheia.errors import InputError


@dataclasses.dataclass(frozen=True)
class Check:
    """One condition: its name, whether it holds, and the numbers that decided it."""

    name: str
    passed: bool
    detail: str


def judge(evaluation: Mapping[str, Any]) -> list[Check]:
    """Judge the result of ``evaluate``.

    Parameters
    ----------
    evaluation : mapping
        With ``metrics`` (each ``{"value", "low", "high"}``, 95 % intervals), ``shortcut`` (the AUC that the
        properties of the files alone reach on the same rows, or None where it could not be computed), ``leaks``
        (rows that stand on two sides of the split), ``fault`` (the fault injected into the training, or ``"none"``).

    Returns
    -------
    list of Check

    Raises
    ------
    InputError
        When the evaluation lacks one of these.
    """
    try:
        auc = evaluation["metrics"]["auc"]
        balanced = evaluation["metrics"]["balanced_accuracy"]
        shortcut = evaluation["shortcut"]
        leaks = int(evaluation["leaks"])
        fault = str(evaluation["fault"])
        return [_beats_shortcut(auc, shortcut), _beats_chance(balanced), _no_leak(leaks), _no_fault(fault)]
    except (KeyError, TypeError) as error:
        raise InputError(f"The evaluation is not one that `evaluate` wrote: {error!r}. Run evaluate again.") from None


def _beats_shortcut(auc: Mapping, shortcut: Mapping | None) -> Check:
    name = "beats the file-property shortcut"
    if shortcut is None or shortcut.get("auc") is None:
        return Check(name, False, "the shortcut AUC could not be computed, so nothing shows that faces decide")
    detail = (
        f"network AUC {auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f}) against "
        f"{shortcut['auc']:.3f} ({shortcut['low']:.3f} to {shortcut['high']:.3f}) from file properties alone"
    )
    return Check(name, auc["low"] > shortcut["high"], detail)


def _beats_chance(balanced: Mapping) -> Check:
    detail = (
        f"balanced accuracy {balanced['value']:.3f} ({balanced['low']:.3f} to {balanced['high']:.3f}); "
        "always answering with the majority class has 0.5"
    )
    return Check("beats the majority class", balanced["low"] > 0.5, detail)


def _no_leak(leaks: int) -> Check:
    detail = f"{leaks} groups (identity, video, donor pair, near duplicate) on two sides of the split"
    return Check("no leakage", leaks == 0, detail)


def _no_fault(fault: str) -> Check:
    return Check("no injected fault", fault == "none", f"fault injected into the training: {fault}")
