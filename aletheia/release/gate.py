"""The decision whether a model may answer in production: every registered check must pass.

Each check keeps the numbers that decided it beside its verdict, so that a refusal can be argued with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from aletheia.core.errors import InputError
from aletheia.core.validation import explain_validation
from aletheia.release.checks import registered_checks
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext


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
    report: EvaluationReport, limits: GateLimits | None = None, *, production_weights: str | None = None
) -> list[CheckResult]:
    """Judge an evaluation by every registered check.

    Parameters
    ----------
    report : EvaluationReport
    limits : GateLimits, optional
        By default those of the checks.
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
        When the evaluation lacks a baseline.
    """
    limits = limits or GateLimits()
    return [check.judge(report, GateContext(limits.of(check), production_weights)) for check in registered_checks()]
