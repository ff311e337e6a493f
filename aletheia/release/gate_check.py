"""The form of a check of the gate: what it decides by, its limit, and its result."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
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
    strict_up : bool
        Whether a higher number demands more of a model.
    """

    field: str
    default: float
    description: str
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    strict_up: bool = False

    def is_loosened(self, value: float) -> bool:
        """Whether a value demands less than the default."""
        return value < self.default if self.strict_up else value > self.default

    def pydantic_field(self) -> tuple[type, Any]:
        """Return type and field as `pydantic.create_model` takes them."""
        field = Field(self.default, description=self.description, ge=self.ge, gt=self.gt, le=self.le, lt=self.lt)
        return type(self.default), field


#: The three states of a check.
PASSED, FAILED, NOT_JUDGED = "passed", "failed", "not judged"
#: Ways in which a person lets a model answer whose check did not pass.
ACCEPTED, WAIVED = "accepted", "waived"


@dataclass(frozen=True)
class CheckResult:
    """Result of a check.

    Attributes
    ----------
    name : str
        Of the check.
    state : {'passed', 'failed', 'not judged'}
        The last where nothing in the data can decide it.
    detail : str
        The numbers that decided it, or the reason why it is not judged.
    code : str
        Of the check.
    documentation : str
        Page and anchor of the check in the documentation.
    required : bool
        Whether a model needs this check judged.
    exception : {'', 'accepted', 'waived'}
        Whether a person accepted that it is not judged, or waived what it found.
    limit, default_limit : float
        The limit that decided, and the one that the project sets; NaN for a check without one.
    is_loosened : bool
        Whether the limit demands less than the default.
    """

    name: str
    state: str
    detail: str
    code: str = ""
    documentation: str = ""
    required: bool = True
    exception: str = ""
    limit: float = math.nan
    default_limit: float = math.nan
    is_loosened: bool = False

    @property
    def passed(self) -> bool:
        """Whether the condition holds."""
        return self.state == PASSED

    @property
    def judged(self) -> bool:
        """Whether the data could decide."""
        return self.state != NOT_JUDGED

    @property
    def allows(self) -> bool:
        """Whether the model may answer in production as far as this check goes."""
        return self.passed or bool(self.exception) or not (self.judged or self.required)

    @property
    def verdict(self) -> str:
        """The state, failures in capitals; with the exception that a person made, such as "not judged, accepted"."""
        state = self.state.upper() if self.state == FAILED else self.state
        return f"{state}, {self.exception}" if self.exception else state

    @property
    def loosened(self) -> str:
        """The loosened limit beside the default, "0.5 in place of 0.7"; empty where it was not."""
        return f"{self.limit:g} in place of {self.default_limit:g}" if self.is_loosened else ""

    def to_dict(self) -> dict[str, bool | str]:
        """Return plain values, as ``model.json`` and JSON on a console hold them."""
        return {
            "state": self.state,
            "passed": self.passed,
            "detail": self.detail,
            "code": self.code,
            "required": self.required,
            "exception": self.exception,
            "loosened": self.loosened,
        }


@dataclass(frozen=True)
class GateContext:
    """Information for a check besides the evaluation.

    Attributes
    ----------
    limit : float
        Value of the check's limit; NaN for a check without one.
    production_weights : str or None
        Beginning of the SHA-256 of the weights in production; "" when there are none, None when that is not known.
    waived : frozenset of str
        Families of the audit and columns of the manifest that a person allows to give the label away.
    """

    limit: float
    production_weights: str | None = None
    waived: frozenset[str] = frozenset()


def few_groups(report: EvaluationReport, least: int, classes: Sequence[str] = ("genuine", "fake")) -> str:
    """Say that the test rows are of too few independent groups for a verdict; empty where they are enough.

    Parameters
    ----------
    report : EvaluationReport
    least : int
        Groups that each class needs; 0 for a verdict that does not rest on them.
    classes : sequence of str
        Those that the verdict rests on.
    """
    groups = {"genuine": report.groups_real, "fake": report.groups_fake}
    groups = {kind: groups[kind] for kind in classes}
    kind, count = min(groups.items(), key=lambda item: item[1])
    if not least or count >= least:
        return ""
    if not (report.groups_real or report.groups_fake):
        return "the number of independent groups of test faces is not recorded; run evaluate again"
    return (
        f"the {kind} test faces are of {count} independent groups (people, films); a verdict needs {least} of each "
        "class: bring more people, or take a larger test_share"
        if count
        else f"there are no {kind} test faces"
    )


class GateCheck(abc.ABC):
    """A condition that a model must meet before it may answer in production.

    A subclass sets the class attributes, implements `judge`, and is registered by
    `aletheia.release.checks.registry.register_check`.

    Attributes
    ----------
    code : str
        Stable slug; it does not change when the name does.
    name : str
        Short text for people; key of the verdict in ``model.json``.
    limit : Limit or None
        The number that a configuration may change.
    required : bool
        Whether a model needs the check judged, unless a person accepts that it is not.
    min_groups : int
        Independent groups of test rows of each class, below which the check is not judged.
    classes : tuple of str
        The classes, "genuine" and "fake", that it rests on.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    limit: ClassVar[Limit | None] = None
    required: ClassVar[bool] = True
    min_groups: ClassVar[int] = 0
    classes: ClassVar[tuple[str, ...]] = ("genuine", "fake")

    @property
    def documentation(self) -> str:
        """Page and anchor of the documentation."""
        return f"{DOCUMENTATION}#check-{self.code}"

    @abc.abstractmethod
    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare numbers of the evaluation; use `result` or `not_judged` to answer."""

    def result(self, passed: bool, detail: str, *, exception: str = "") -> CheckResult:
        """Answer with the numbers that decided, and the exception that a person made."""
        return self._answer(PASSED if passed else FAILED, detail, exception)

    def not_judged(self, reason: str, *, remedy: str = "") -> CheckResult:
        """Answer that nothing in the data can decide; a model that needs this check is not released then.

        Parameters
        ----------
        reason : str
            As a clause.
        remedy : str
            What would make it judged, as a clause in the imperative.
        """
        return self._answer(NOT_JUDGED, f"{reason}; {remedy}" if remedy else reason)

    def _answer(self, state: str, detail: str, exception: str = "") -> CheckResult:
        return CheckResult(self.name, state, detail, self.code, self.documentation, self.required, exception)
