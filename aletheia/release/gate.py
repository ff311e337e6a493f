"""The decision whether a model may answer in production: every registered check must pass.

A check that nothing in the data can decide is not judged, and keeps a model from production as a failed one does,
unless a person accepts that by name. Each check keeps the numbers that decided it beside its verdict, so that a refusal
can be argued with.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from aletheia.core.errors import InputError
from aletheia.core.validation import explain_validation
from aletheia.release.checks.listing import registered_checks
from aletheia.release.checks.shortcuts import shortcut_names
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.exceptions import Exceptions
from aletheia.release.gate_check import (
    ACCEPTED,
    FAILED,
    NOT_JUDGED,
    WAIVED,
    CheckResult,
    GateCheck,
    GateContext,
    few_groups,
)
from aletheia.release.registry import CANDIDATE, PRODUCTION

_LONGEST_LABEL = 63  # characters


class GateLimits(BaseModel):
    """Limits of the gate's checks: one field for each registered check that has a limit.

    `parse` builds instances; the fields are those of `limits_model`. Unknown names are errors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any] | None) -> GateLimits:
        """Read limits from a mapping; those that it lacks have their defaults.

        Raises
        ------
        InputError
            When a name is unknown or a value out of range; the message names it.
        """
        model = limits_model()
        try:
            return model.model_validate(dict(values or {}))
        except ValidationError as error:
            raise InputError(
                f"limits of the gate: {explain_validation(error)}. There are: {', '.join(model.model_fields)}."
            ) from None

    def of(self, check: GateCheck) -> float:
        """Return the limit of a check, the default if it was registered later; NaN for a check without one."""
        if check.limit is None:
            return math.nan
        return float(getattr(self, check.limit.field, check.limit.default))


def limits_model() -> type[GateLimits]:
    """Build the model of all limits from the registered checks."""
    limits = [check.limit for check in registered_checks() if check.limit]
    fields: dict[str, Any] = {limit.field: limit.pydantic_field() for limit in limits}
    return create_model("GateLimits", __base__=GateLimits, __doc__=GateLimits.__doc__, **fields)


def run_gate(
    report: EvaluationReport,
    limits: GateLimits | None = None,
    *,
    exceptions: Exceptions | None = None,
    production_weights: str | None = None,
) -> list[CheckResult]:
    """Judge an evaluation by every registered check.

    Parameters
    ----------
    report : EvaluationReport
    limits : GateLimits, optional
        By default those of the checks.
    exceptions : Exceptions, optional
        What a person accepted and waived; by default nothing.
    production_weights : str, optional
        Beginning of the SHA-256 of the weights that are in production now; "" when there are none. When given, the
        evaluation must have compared with these weights, not with those of an earlier model.

    Returns
    -------
    list of CheckResult
        In the order of `aletheia.release.checks.registered_checks`.

    Raises
    ------
    InputError
        When the evaluation lacks a baseline, or an exception names no check, family or column.
    """
    limits, exceptions = limits or GateLimits(), exceptions or Exceptions()
    waived = exceptions.check_waived(shortcut_names(report))
    accepted = exceptions.accepted_codes()
    results = []
    for check in registered_checks():
        limit = limits.of(check)
        result = check.judge(report, GateContext(limit, production_weights, waived))
        too_few = few_groups(report, check.min_groups, check.classes)
        # Of one class alone a check that needs both finds something missing, but not what.
        if too_few and (result.judged or not (report.n_real and report.n_fake)):
            result = check.not_judged(too_few)
        if not result.judged and check.code in accepted:
            result = dataclasses.replace(result, exception=ACCEPTED)
        if check.limit:
            result = dataclasses.replace(
                result, limit=limit, default_limit=check.limit.default, is_loosened=check.limit.is_loosened(limit)
            )
        results.append(result)
    return results


def release_tag(checks: Sequence[CheckResult]) -> str:
    """Return the tag under which a model is registered: "production" if every check allows it, else "candidate"."""
    return PRODUCTION if all(check.allows for check in checks) else CANDIDATE


def gate_labels(checks: Sequence[CheckResult]) -> dict[str, str]:
    """Return labels of a registered model that name what did not pass, each cut to the 63 characters of a label."""
    listed = {
        "failed": [check.code for check in checks if check.state == FAILED],
        "not_judged": [check.code for check in checks if check.state == NOT_JUDGED],
        "accepted": [check.code for check in checks if check.exception == ACCEPTED],
        "waived": [check.code for check in checks if check.exception == WAIVED],
        "loosened": [check.code for check in checks if check.is_loosened],
    }
    return {key: ".".join(codes)[:_LONGEST_LABEL].rstrip(".-") for key, codes in listed.items() if codes}


def refusal_sentences(checks: Sequence[CheckResult]) -> list[str]:
    """Say for each check that keeps a model from production which it is and what can be done about it."""
    return [
        f"“{check.name}” is not judged: {check.detail}. Or accept that with --accept-unjudged {check.code}."
        if not check.judged
        else f"“{check.name}” failed: {check.detail}."
        for check in checks
        if not check.allows
    ]
