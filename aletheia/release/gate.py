"""The checks that a model must pass before it may answer in production.

Each check compares numbers of the evaluation and keeps them beside its verdict, so that a refusal can be argued with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aletheia.core.errors import InputError
from aletheia.core.validation import explain_validation

_CONTROLS = ("keypoints", "thumbnail", "blanked")


class GateLimits(BaseModel):
    """How good is good enough. Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    fpr_ratio: float = Field(
        2.0,
        ge=1,
        le=100,
        description="Most that the worst subgroup's false-positive rate may be times the overall one.",
    )
    cell_auc: float = Field(0.7, ge=0.5, le=1, description="Least AUC of the worst cell of source and generator.")
    calibration_error: float = Field(
        0.1, gt=0, le=1, description="Most calibration error, beyond what perfect calibration shows on as few rows."
    )

    @classmethod
    def parse(cls, values: Mapping[str, Any] | None) -> GateLimits:
        """From a mapping; an InputError names what does not fit."""
        try:
            return cls(**(values or {}))
        except ValidationError as error:
            raise InputError(
                f"limits of the gate: {explain_validation(error)}. There are: {', '.join(cls.model_fields)}."
            ) from None


@dataclasses.dataclass(frozen=True)
class Check:
    """One condition: its name, whether it holds, the numbers that decided it; `judged` is False where the data hold
    nothing to decide it by, and it is let pass.
    """

    name: str
    passed: bool
    detail: str
    judged: bool = True

    @property
    def verdict(self) -> str:
        """In a word."""
        return ("passed" if self.judged else "not judged") if self.passed else "FAILED"


def run_gate(
    evaluation: Mapping[str, Any], limits: GateLimits | None = None, *, present: str | None = None
) -> list[Check]:
    """Judge the result of ``evaluate``.

    Parameters
    ----------
    evaluation : mapping
        What ``evaluate`` wrote, see :meth:`aletheia.evaluation.evaluate.Evaluation.summary`.
    limits : GateLimits, optional
    present : str, optional
        The beginning of the SHA-256 of the weights that answer in production now; "" when there are none. When given,
        the evaluation must have been made against these, not against what answered before.

    Returns
    -------
    list of Check

    Raises
    ------
    InputError
        When the evaluation lacks something.
    """
    limits = limits or GateLimits()
    try:
        auc, baselines = evaluation["metrics"]["auc"], evaluation["baselines"]
        return [
            _beats("beats the file-property shortcut", auc, [baselines["files"]]),
            _beats("beats the controls", auc, [baselines[key] for key in _CONTROLS]),
            _beats("beats the frequency spectrum", auc, [baselines["spectrum"]]),
            _beats_chance(evaluation["metrics"]["balanced_accuracy"]),
            _no_leak(evaluation["leaks"], evaluation["own_rows"]),
            _fair(evaluation["fpr_ratios"], limits.fpr_ratio),
            _no_weak_cell(evaluation["worst_cell"], evaluation["unjudged_cells"], limits.cell_auc),
            _calibrated(evaluation["calibration_error"], limits.calibration_error),
            _no_fault(str(evaluation["fault"])),
            _beats_production(evaluation["production"], present),
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"The evaluation is not one that `evaluate` wrote: {error!r}. Run evaluate again.") from None


def _told(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None or estimate["low"] is None:
        return "not defined"
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


def _beats(name: str, auc: Mapping[str, Any], baselines: list[Mapping[str, Any]]) -> Check:
    """By more than both intervals; where none of the baselines has numbers, nothing shows that faces decide."""
    known = [baseline for baseline in baselines if baseline["auc"] is not None]
    if not known:
        return Check(
            name, False, f"could not be computed, so nothing shows that faces decide: {baselines[0]['reason']}"
        )
    best = max(known, key=lambda baseline: baseline["high"])
    told = {"value": best["auc"], "low": best["low"], "high": best["high"]}
    detail = f"network AUC {_told(auc)} against {_told(told)} of “{best['name']}”"
    return Check(name, auc["low"] is not None and auc["low"] > best["high"], detail)


def _beats_chance(balanced: Mapping[str, Any]) -> Check:
    detail = f"balanced accuracy {_told(balanced)}; always answering with the majority class has 0.5"
    return Check("beats the majority class", balanced["low"] is not None and balanced["low"] > 0.5, detail)


def _no_leak(leaks: int | None, own_rows: bool | None) -> Check:
    if leaks is None:
        return Check("no leakage", True, "not judged: the training rows are not at hand", judged=False)
    if own_rows is False:
        detail = "the model learnt from other rows than those that were handed in: what it has seen nobody knows"
        return Check("no leakage", False, detail)
    detail = f"{leaks} groups (identity, video, donor pair, near duplicate) on two sides of the split"
    return Check("no leakage", leaks == 0, detail)


def _fair(ratios: list[Mapping[str, Any]], limit: float) -> Check:
    """Fails when a subgroup's false alarms exceed the limit with the whole interval, and a permutation test says that
    groups differ at all: the largest of several ratios is large by chance alone.
    """
    name = "false alarms are shared fairly"
    known = [ratio for ratio in ratios if ratio["ratio"] is not None and ratio["low"] is not None]
    if not known:
        why = "no subgroup is known with enough genuine faces, or none of those was called fake"
        return Check(name, True, f"not judged: {why}", judged=False)
    worst = max(known, key=lambda ratio: ratio["low"])
    detail = (
        f"{worst['column']} {worst['group']}: {worst['ratio']:.2f} times the overall false-positive rate "
        f"({worst['low']:.2f} to {worst['high']:.2f}; at most {limit:g}); p that groups do not differ {worst['p']:.3f}"
    )
    return Check(name, worst["low"] <= limit or worst["p"] >= 0.05, detail)


def _no_weak_cell(worst: Mapping[str, Any] | None, unjudged: list[str], floor: float) -> Check:
    name = "no weak cell"
    if worst is None:
        return Check(name, True, "not judged: no pair of source and generator has enough test rows", judged=False)
    detail = (
        f"trained on {worst['trained_on']}, {worst['generator']} against genuine {worst['source']}: "
        f"AUC {worst['auc']:.3f} ({worst['auc_low']:.3f} to {worst['auc_high']:.3f}); at least {floor:g}"
    )
    if unjudged:
        few = ", ".join(unjudged[:4]) + (f" and {len(unjudged) - 4} more" if len(unjudged) > 4 else "")
        detail += f"; too few test rows to judge {few}"
    return Check(name, worst["auc"] >= floor, detail)


def _calibrated(error: Mapping[str, Any], bound: float) -> Check:
    if error["value"] is None:
        return Check("calibrated", False, "the calibration error is not defined")
    detail = (
        f"expected calibration error {_told(error)}; a perfectly calibrated model would show {error['expected']:.3f} "
        f"on as many rows; at most {bound:g} beyond that"
    )
    return Check("calibrated", error["value"] - error["expected"] <= bound, detail)


def _no_fault(fault: str) -> Check:
    return Check("no injected fault", fault == "none", f"fault injected into the training: {fault}")


def _beats_production(production: Mapping[str, Any] | None, present: str | None) -> Check:
    name = "better than the model in production"
    compared = (production or {}).get("weights_sha256", "")
    if present is not None and compared[: len(present) or None] != present and not (production or {}).get("reason"):
        return Check(name, False, "another model answers by now than when this one was evaluated: run evaluate again")
    if production is None:
        return Check(name, True, "not judged: there is none yet", judged=False)
    if production.get("reason"):
        return Check(name, False, production["reason"])
    if production["same"]:
        return Check(name, True, f"the same weights as {production['other']}")
    detail = (
        f"AUC {production['auc']:.3f} against {production['other_auc']:.3f} of {production['other']} on the same "
        f"{production['n']:,} rows: difference {production['difference']:+.3f} "
        f"({production['low']:+.3f} to {production['high']:+.3f})"
    )
    if not production["same_data"]:
        detail += "; it was trained on other data, and some of these rows may have been among them"
    return Check(name, production["low"] > 0, detail)
