"""The form of a check of the gate: what it decides by, its limit, and its result."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from aletheia.release.evaluation_report import EvaluationReport

#: Page of the documentation that has a section for each check.
DOCUMENTATION = "methodology.md"


@dataclass(frozen=True)
class Limit:
    """A number that decides a check and that a configuration may change.

    Attributes
    ----------
    field : str
        Name in `aletheia.release.gate.GateLimits`, in configuration files and in the parameter ``limits``.
    default : float or int
        Its type is the type of the field.
    description : str
        One sentence.
    ge, gt, le, lt : float, optional
        Range: at least, above, at most, below.
    """

    field: str
    default: float
    description: str
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def pydantic_field(self) -> tuple[type, Any]:
        """Return type and field as `pydantic.create_model` takes them."""
        field = Field(self.default, description=self.description, ge=self.ge, gt=self.gt, le=self.le, lt=self.lt)
        return type(self.default), field


@dataclass(frozen=True)
class CheckResult:
    """Result of a check.

    Attributes
    ----------
    name : str
        Of the check.
    passed : bool
        Whether the condition holds, or nothing in the data can decide it and that does not count against the model.
    detail : str
        The numbers that decided it.
    judged : bool
        False where nothing in the data can decide it.
    code : str
        Of the check.
    documentation : str
        Page and anchor of the check in the documentation.
    """

    name: str
    passed: bool
    detail: str
    judged: bool = True
    code: str = ""
    documentation: str = ""

    @property
    def verdict(self) -> str:
        """One of "passed", "not judged" and "FAILED"."""
        if not self.judged:
            return "not judged"
        return "passed" if self.passed else "FAILED"


@dataclass(frozen=True)
class GateContext:
    """Information for a check besides the evaluation.

    Attributes
    ----------
    limit : float
        Value of the check's limit; NaN for a check without one.
    production_weights : str or None
        Beginning of the SHA-256 of the weights in production; "" when there are none, None when that is not known.
    """

    limit: float
    production_weights: str | None = None


class GateCheck(abc.ABC):
    """A condition that a model must meet before it may answer in production.

    A subclass sets the class attributes, implements `judge`, and is registered by
    `aletheia.release.checks.register_check`.

    Attributes
    ----------
    code : str
        Stable slug; it does not change when the name does.
    name : str
        Short text for people; key of the verdict in ``model.json``.
    limit : Limit or None
        The number that a configuration may change.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    limit: ClassVar[Limit | None] = None

    @property
    def documentation(self) -> str:
        """Page and anchor of the documentation."""
        return f"{DOCUMENTATION}#check-{self.code}"

    @abc.abstractmethod
    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare numbers of the evaluation; use `result` or `not_judged` to answer."""

    def result(self, passed: bool, detail: str) -> CheckResult:
        """Answer with the numbers that decided."""
        return CheckResult(self.name, passed, detail, code=self.code, documentation=self.documentation)

    def not_judged(self, reason: str, *, blocks: bool = False) -> CheckResult:
        """Answer that nothing in the data can decide.

        Parameters
        ----------
        reason : str
        blocks : bool
            Whether a model that cannot be judged must not answer in production.
        """
        detail = f"not judged: {reason}"
        return CheckResult(
            self.name, not blocks, detail, judged=False, code=self.code, documentation=self.documentation
        )
