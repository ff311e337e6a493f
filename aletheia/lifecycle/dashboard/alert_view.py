"""The rules and what fires, as `aletheia monitor --watch` left it in its file: read, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError
from aletheia.lifecycle.alerts.rules import Rule
from aletheia.lifecycle.alerts.state import AlertEvent, AlertStates, RuleState, states_path

#: Seconds without a look, after which nobody seems to watch.
UNWATCHED = 600.0
FIRING, SILENCED, QUIET = "firing", "silenced", "quiet"


def describe_alerts(log: Path, rules: Mapping[str, Rule], now: float) -> dict[str, Any]:
    """Describe the rules, what fires, and what fired.

    Parameters
    ----------
    log : path
        The prediction log.
    rules : mapping of str to Rule
    now : float
        Seconds since 1970.

    Returns
    -------
    dict
        ``looked`` (seconds since 1970 of the last look, None without one), ``is_watched``, ``problem`` (a sentence, or
        empty), ``rules`` (list of dict: ``name``, ``status``, ``metric``, ``limit``, ``below``, ``over``, ``since``,
        ``silenced_until``, ``sentence``, ``runbook``) with those that fire first, and ``events`` (the newest first).
    """
    path, problem = states_path(log), ""
    looked = path.stat().st_mtime if path.is_file() else None
    known: dict[str, RuleState] = {}
    events: list[AlertEvent] = []
    try:
        states = AlertStates(path)
        known, events = states.rules, sorted(states.events, key=lambda event: -event.at)
    except InputError as error:
        problem = str(error)
    sentences = {event.rule: event.sentence for event in reversed(events) if event.status == "firing"}
    listed = [
        _rule(name, rule, known.get(name, RuleState()), sentences.get(name, ""), now)
        for name, rule in rules.items()
        if rule.enabled
    ]
    order = (FIRING, SILENCED, QUIET)
    return {
        "looked": looked,
        "is_watched": looked is not None and now - looked < UNWATCHED,
        "problem": problem,
        "rules": sorted(listed, key=lambda rule: order.index(rule["status"])),
        "events": [event.model_dump() for event in events],
    }


def _rule(name: str, rule: Rule, state: RuleState, sentence: str, now: float) -> dict[str, Any]:
    status = SILENCED if now < state.silenced_until else FIRING if state.firing_since is not None else QUIET
    return {
        "name": name,
        "status": status,
        "metric": rule.metric,
        "limit": rule.limit,
        "below": rule.below,
        "over": rule.over,
        "since": state.firing_since,
        "silenced_until": state.silenced_until if status == SILENCED else None,
        "sentence": sentence if state.firing_since is not None else "",
        "runbook": rule.runbook,
    }


def firing_stretches(alerts: Mapping[str, Any], now: float) -> list[tuple[str, float, float]]:
    """Return rule, begin and end (seconds since 1970) of every time in which an alert fired."""
    over = [(e["rule"], e["since"], e["at"]) for e in alerts["events"] if e["status"] == "resolved"]
    lasting = [(rule["name"], rule["since"], now) for rule in alerts["rules"] if rule["since"] is not None]
    return sorted([*over, *lasting], key=lambda stretch: stretch[1])
