"""Rules of alerts and where alerts go, as a YAML file writes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator

from aletheia.core.errors import InputError
from aletheia.core.spans import parse_span
from aletheia.core.validation import explain_validation

#: What rules may be about; see `aletheia.lifecycle.alerts.measures`.
Metric = Literal["p95_ms", "fault_rate", "answers", "changes", "accuracy_drop", "disk_free_bytes"]
_MAX_FILE = 1_000_000


def _seconds(value: object) -> object:
    return parse_span(value) if isinstance(value, str) else value


Span = Annotated[float, BeforeValidator(_seconds), Field(gt=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Strict):
    """When to raise an alarm, and when it is over.

    It fires after `looks` looks in a row beyond `limit`, and is resolved after as many within `clear`: a value that
    swings about the limit neither fires and resolves again and again, nor does one slow answer wake anybody.
    """

    metric: Metric
    limit: float = Field(description="Beyond this the rule fires: above it, or below it where `below` is set.")
    below: bool = Field(False, description="Whether small values are the bad ones.")
    clear: float | None = Field(None, description="Within this it is over; default: the limit.")
    over: Span = Field("10m", validate_default=True, description="Span of the log that is looked at.")
    looks: int = Field(2, ge=1, le=1000, description="Looks in a row that it takes.")
    at_least: int = Field(
        20, ge=0, description="Requests (accuracy_drop: labels) in the span below which the rule is not judged."
    )
    least_faults: int = Field(
        3, ge=1, description="Faults in the span below which `fault_rate` counts as 0: one of 20 requests is no 5 %."
    )
    runbook: str = Field("", max_length=500, description="What to do, in a sentence.")
    enabled: bool = True

    @field_validator("clear")
    @classmethod
    def _check_clear(cls, clear: float | None, info: object) -> float | None:
        values = getattr(info, "data", {})
        if clear is not None and "limit" in values:
            beyond = clear < values["limit"] if values.get("below") else clear > values["limit"]
            if beyond:
                raise ValueError("must lie on the good side of the limit, or be equal to it")
        return clear

    def is_bad(self, value: float) -> bool:
        """Whether a value lies beyond the limit."""
        return value < self.limit if self.below else value > self.limit

    def is_good(self, value: float) -> bool:
        """Whether a value is within the limit of clearing; between the two nothing changes."""
        clear = self.limit if self.clear is None else self.clear
        return value >= clear if self.below else value <= clear


class Mail(_Strict):
    """An SMTP server and who is written to."""

    host: str
    port: int = Field(587, ge=1, le=65535)
    sender: str
    to: list[str] = Field(min_length=1)
    user: str = ""
    password: SecretStr = SecretStr("")
    starttls: bool = True


class AlertConfig(_Strict):
    """All rules by name, and where alerts go. They are always written to standard error, too."""

    rules: dict[str, Rule]
    webhooks: list[str] = Field([], description="http(s) addresses that get a POST with JSON.")
    mail: Mail | None = None

    @field_validator("webhooks")
    @classmethod
    def _check_webhooks(cls, webhooks: list[str]) -> list[str]:
        if wrong := [url for url in webhooks if not re.fullmatch(r"https?://[^\s]+", url)]:
            raise ValueError(f"{wrong[0]!r} is no http or https address")
        return webhooks


DEFAULT_RULES = {
    "slow": Rule(
        metric="p95_ms", limit=500, clear=400,
        runbook="See which stage is slow in `aletheia monitor`; is the machine busy, are pictures larger?",
    ),
    "failing": Rule(
        metric="fault_rate", limit=0.01, clear=0.005,
        runbook="See the errors in `aletheia monitor` and the service's log; roll back if a version brought them.",
    ),
    "silent": Rule(
        metric="answers", limit=1, below=True, over="1h", at_least=0,
        runbook="Is the service up (/readyz), and does whoever sends pictures still reach it?",
    ),
    "changed": Rule(
        metric="changes", limit=0, over="1d", looks=1, at_least=0,
        runbook="See `aletheia monitor --report`; look at pictures of now, and judge the model on some of known truth.",
    ),
    "worse": Rule(
        metric="accuracy_drop", limit=0.05, clear=0.02, over="90d", looks=1, at_least=30,
        runbook="See the labelled answers in `aletheia monitor` and `aletheia feedback list`: were only mistakes "
        "reported? If not, roll back, or train on the new errors.",
    ),
    "disk": Rule(
        metric="disk_free_bytes", limit=1e9, clear=2e9, below=True, at_least=0,
        runbook="Free space: `aletheia runs prune`; the prediction log loses rows when the disk is full.",
    ),
}  # fmt: skip


def read_alerts(path: str | Path | None = None) -> AlertConfig:
    """Read the rules: those of a file beside the default ones, which it may change by name.

    Parameters
    ----------
    path : path, optional
        A YAML file with ``rules``, ``webhooks`` and ``mail``; none: the default rules.

    Raises
    ------
    InputError
        When it cannot be read, or a field is unknown or out of range.
    """
    if path is None:
        return AlertConfig(rules=DEFAULT_RULES)
    try:
        text = Path(path).read_bytes()[: _MAX_FILE + 1]
        if len(text) > _MAX_FILE:
            raise InputError(f"{path} has more than {_MAX_FILE:,} bytes; it should hold a few rules.")
        given = yaml.safe_load(text) or {}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no YAML: {' '.join(str(error).split())[:300]}.") from None
    if not isinstance(given, dict) or not isinstance(given.get("rules", {}) or {}, dict):
        raise InputError(f"{path} must hold rules by name, as in rules: {{slow: {{limit: 800}}}}.")
    rules = {name: rule.model_dump(exclude_unset=True) for name, rule in DEFAULT_RULES.items()}
    for name, values in (given.get("rules") or {}).items():
        rules[str(name)] = {**rules.get(str(name), {}), **(values if isinstance(values, dict) else {"metric": values})}
    try:
        return AlertConfig(**{**given, "rules": rules})
    except ValidationError as error:
        raise InputError(f"{path} does not fit. {explain_validation(error)}.") from None
