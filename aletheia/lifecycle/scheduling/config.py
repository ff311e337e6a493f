"""Which jobs run, how often and with what, as a YAML file writes them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from aletheia.core.buckets.addresses import is_bucket_url
from aletheia.core.errors import InputError
from aletheia.core.spans import parse_span
from aletheia.core.validation import explain_validation
from aletheia.lifecycle.retraining.triggers import EVERY, MIN_NEW, check_triggers

_MAX_FILE = 1_000_000
#: Of a job that is not to run.
NEVER = "never"


def _seconds(value: object) -> object:
    if value == NEVER:
        return math.inf
    return parse_span(value) if isinstance(value, str) else value


#: Seconds between two runs of a job; infinity: it does not run.
Span = Annotated[float, BeforeValidator(_seconds), Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Alerts(_Strict):
    """Looks at the rules of alerts, as `aletheia monitor --watch` does."""

    every: Span = 60.0
    rules: Path | None = Field(None, description="YAML file of rules, webhooks and mail; none: the usual rules.")


class Retrain(_Strict):
    """Asks the triggers of a retraining, and runs `aletheia retrain` in a process of its own."""

    every: Span = 6 * 3600.0
    when: list[str] = Field(["performance", "drift", "new-data"], description="Triggers; one that fires is enough.")
    add: list[Path] = Field([], description="Manifests and folders of accepted new faces.")
    at_least: int = Field(MIN_NEW, ge=1, description="New files that are worth it, for new-data.")
    age: Annotated[float, BeforeValidator(_seconds), Field(gt=0)] = Field(EVERY, description="For schedule.")
    promote: Literal["off", "auto"] = Field("off", description="auto: into production by itself, by gate and staging.")
    accept_unjudged: list[str] = Field([], description="Checks of the gate that may stay unjudged, by code or name.")
    artifact_path: Path | None = Field(None, description="Folder or bucket for the new version; none: the project's.")

    @field_validator("when")
    @classmethod
    def _check_when(cls, when: list[str]) -> list[str]:
        return check_triggers(when)

    @field_validator("accept_unjudged")
    @classmethod
    def _check_names(cls, names: list[str]) -> list[str]:
        from aletheia.release.exceptions import Exceptions

        return list(Exceptions.parse(names).accept_unjudged)

    @field_validator("promote", mode="before")
    @classmethod
    def _read_off(cls, promote: object) -> object:
        return "off" if promote is False else promote  # YAML 1.1 reads the word off as false


class Prune(_Strict):
    """Frees the disk, as `aletheia models prune` does."""

    every: Span = 86_400.0
    keep: int = Field(3, ge=0, description="Newest models never in production that keep their files.")


class Reconcile(_Strict):
    """Looks whether what is in production is whole, and ends what an interruption left."""

    every: Span = 600.0


class Schedule(_Strict):
    """All jobs, and the prediction log that they look at."""

    log: Path | None = Field(None, description="Of `aletheia serve`; default: predictions.sqlite in ALETHEIA_HOME.")
    alerts: Alerts = Alerts()
    retrain: Retrain = Retrain()
    prune: Prune = Prune()
    reconcile: Reconcile = Reconcile()

    def intervals(self) -> dict[str, float]:
        """Return the seconds between two runs of each job that is to run, by name."""
        spans = {
            "alerts": self.alerts.every,
            "retrain": self.retrain.every,
            "prune": self.prune.every,
            "reconcile": self.reconcile.every,
        }
        return {name: every for name, every in spans.items() if math.isfinite(every)}


def read_schedule(path: str | Path | None = None) -> Schedule:
    """Read the jobs of a file; what it leaves out is as by default. Paths in it are relative to its folder.

    Parameters
    ----------
    path : path, optional
        A YAML file; none: all jobs with their defaults.

    Raises
    ------
    InputError
        When it cannot be read, or a field is unknown or out of range.
    """
    if path is None:
        return Schedule()
    path = Path(path)
    try:
        text = path.read_bytes()[: _MAX_FILE + 1]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    if len(text) > _MAX_FILE:
        raise InputError(f"{path} has more than {_MAX_FILE:,} bytes; it should hold a few jobs.")
    try:
        given = yaml.safe_load(text) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no YAML: {' '.join(str(error).split())[:300]}.") from None
    if not isinstance(given, dict):
        raise InputError(f"{path} must hold jobs by name, as in retrain: {{every: 12h}}.")
    try:
        schedule = Schedule(**given)
    except (ValidationError, InputError) as error:
        text_of = explain_validation(error) if isinstance(error, ValidationError) else str(error)
        raise InputError(f"{path} does not fit. {text_of}.") from None
    return _absolute(schedule, path.resolve().parent)


def _absolute(schedule: Schedule, folder: Path) -> Schedule:
    def place(value: Path | None) -> Path | None:
        return value if value is None or is_bucket_url(value) else folder / value.expanduser()

    changes: dict[str, Any] = {
        "log": place(schedule.log),
        "alerts": schedule.alerts.model_copy(update={"rules": place(schedule.alerts.rules)}),
        "retrain": schedule.retrain.model_copy(
            update={
                "add": [place(one) for one in schedule.retrain.add],
                "artifact_path": place(schedule.retrain.artifact_path),
            }
        ),
    }
    return schedule.model_copy(update=changes)
