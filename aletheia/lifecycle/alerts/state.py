"""Which alerts fire: kept in a file, so that a look from cron knows of the one before."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.core.process_lock import waiting_lock
from aletheia.lifecycle.alerts.measures import Measured
from aletheia.lifecycle.alerts.rules import Rule

#: Events that are kept.
MAX_EVENTS = 200


def states_path(log: Path) -> Path:
    """Return where the states of the alerts of a prediction log are kept."""
    return log.with_name(f"{log.name}.alerts.json")


class RuleState(BaseModel):
    """What is known of one rule.

    Attributes
    ----------
    bad, good : int
        Looks in a row beyond the limit, and within the limit of clearing.
    firing_since : float or None
        Seconds since 1970; None while it does not fire.
    silenced_until : float
        Seconds since 1970; until then nobody is told.
    """

    model_config = ConfigDict(extra="forbid")

    bad: int = 0
    good: int = 0
    firing_since: float | None = None
    silenced_until: float = 0.0


class Alert(BaseModel):
    """A message: a rule began to fire, or is over."""

    rule: str
    status: Literal["firing", "resolved"]
    metric: str
    value: float
    limit: float
    since: float
    sentence: str
    runbook: str


class AlertEvent(Alert):
    """An alert, with the moment at which it was raised or over: seconds since 1970."""

    at: float


class AlertStates:
    """The states of all rules.

    Parameters
    ----------
    path : path
        Where they are kept; a missing file means that nothing fires.

    Attributes
    ----------
    rules : dict of str to RuleState
    untold : list of Alert
        Those that did not reach everybody: they are sent again with the next ones.
    events : list of AlertEvent
        What began to fire and what was over, the last `MAX_EVENTS` of them.

    Raises
    ------
    InputError
        When the file is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._read()

    def _read(self) -> None:
        try:
            stored = json.loads(self.path.read_text()) if self.path.exists() else {}
            self.rules = {name: RuleState(**values) for name, values in stored.get("rules", {}).items()}
            self.untold = [Alert(**values) for values in stored.get("untold", [])]
            self.events = [AlertEvent(**values) for values in stored.get("events", [])]
        except (ValueError, TypeError, AttributeError, ValidationError, OSError):
            raise InputError(f"{self.path} is damaged; delete it, and all alerts that last are told again.") from None

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Read the file again, let the block change the states, and save them; others who change it wait so long.

        A silence that another process asks for while a watch goes on would be lost without, and two watches would both
        tell of an alert.

        Raises
        ------
        InputError
            When the file is damaged or cannot be written.
        """
        with waiting_lock(self.path.with_name(f"{self.path.name}.lock")):
            self._read()
            yield
            self.save()

    def save(self) -> None:
        """Write the states, whole or not at all."""
        stored = {
            "rules": {name: state.model_dump() for name, state in self.rules.items()},
            "untold": [alert.model_dump() for alert in self.untold],
            "events": [event.model_dump() for event in self.events[-MAX_EVENTS:]],
        }
        with atomic_write(self.path) as file:
            file.write(json.dumps(stored).encode())

    def silence(self, name: str, seconds: float, now: float | None = None) -> None:
        """Tell nobody about a rule for so long."""
        self.rules.setdefault(name, RuleState()).silenced_until = (time.time() if now is None else now) + seconds

    def look(
        self, rules: Mapping[str, Rule], measure: Callable[[Rule], Measured], now: float | None = None
    ) -> list[Alert]:
        """Measure every rule and return what is to be told, with what was not told; forget rules that are gone.

        A rule that cannot be judged keeps its state. An alert that began during a silence is told when that ends, if it
        still lasts.
        """
        now = time.time() if now is None else now
        self.rules = {name: self.rules.get(name, RuleState()) for name, rule in rules.items() if rule.enabled}
        alerts, self.untold = self.untold, []
        for name, state in self.rules.items():
            measured = measure(rules[name])
            if measured.value is None:
                continue
            alert = _step(name, rules[name], state, measured, now)
            if alert is None:
                continue
            self.events.append(AlertEvent(at=now, **alert.model_dump()))
            if alert.status == "firing" or now >= state.silenced_until:
                alerts.append(alert)
        return alerts


def _step(name: str, rule: Rule, state: RuleState, measured: Measured, now: float) -> Alert | None:
    value = measured.value
    assert value is not None
    state.bad = state.bad + 1 if rule.is_bad(value) else 0
    state.good = state.good + 1 if rule.is_good(value) else 0
    is_silent = now < state.silenced_until
    if state.firing_since is None and state.bad >= rule.looks and not is_silent:
        state.firing_since = now
        return _alert(name, "firing", rule, measured, now)
    if state.firing_since is not None and state.good >= rule.looks:
        since, state.firing_since = state.firing_since, None
        return _alert(name, "resolved", rule, measured, since)
    return None


def _alert(name: str, status: Literal["firing", "resolved"], rule: Rule, measured: Measured, since: float) -> Alert:
    side = "below" if rule.below else "above"
    end = f" (limit: {side} {rule.limit:g})." if status == "firing" else "; that is over."
    sentence = f"{name}: {measured.text.rstrip('.')}{end}"
    assert measured.value is not None
    return Alert(
        rule=name,
        status=status,
        metric=rule.metric,
        value=measured.value,
        limit=rule.limit,
        since=since,
        sentence=sentence,
        runbook=rule.runbook if status == "firing" else "",
    )
