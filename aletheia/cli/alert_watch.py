"""The looks of ``aletheia monitor --watch`` and ``--alerts`` at the rules of alerts."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.core.spans import parse_span
from aletheia.lifecycle.alerts.exporter import RuleMetrics
from aletheia.lifecycle.alerts.looking import look_once
from aletheia.lifecycle.alerts.rules import AlertConfig, read_alerts
from aletheia.lifecycle.alerts.state import AlertStates, states_path
from aletheia.lifecycle.monitoring.drift_watch import DriftWatch
from aletheia.lifecycle.prediction_log.place import default_log


def look_at_rules(
    log: Path | None,
    alerts: Path | None,
    *,
    watch: bool,
    every: float,
    silences: Sequence[str] = (),
    drifts: DriftWatch | None = None,
    metrics_port: int | None = None,
    as_json: bool = False,
) -> bool:
    """Look at the rules once, or until a signal comes; returns whether one fires then.

    The states are kept beside the log, in ``<log>.alerts.json``. Silences alone, without rules of one's own and without
    watching, are noted and nothing is looked at: the usual rules may not be those of whoever watches.

    Parameters
    ----------
    log : path, optional
        The prediction log; default: that of `aletheia serve`.
    alerts : path, optional
        The rules; default: the usual ones.
    watch : bool
        Whether to look again every `every` seconds.
    silences : sequence of str
        ``rule=span`` each.
    drifts : DriftWatch, optional
        The search for changes, if otherwise than usual.
    metrics_port : int, optional
        Where to show the numbers to Prometheus while watching, 0 for a free port; None: nowhere.
    as_json : bool
        At the end one JSON object in place of a line for each rule.

    Raises
    ------
    InputError
        When the rules or the log cannot be read, or a silence names no rule.
    """
    config, log = read_alerts(alerts), log or default_log()
    states = AlertStates(states_path(log))
    for text in silences:
        _silence(states, config, text)
    looks = bool(watch or alerts or not silences)
    if looks:
        _go_on(config, states, log, drifts or DriftWatch(log), metrics_port, every if watch else None)
    _print_states(states, as_json)
    return looks and any(state.firing_since for state in states.rules.values())


def _go_on(
    config: AlertConfig,
    states: AlertStates,
    log: Path,
    drifts: DriftWatch,
    metrics_port: int | None,
    every: float | None,
) -> None:
    """Look once, or every so many seconds until a signal comes."""
    metrics = RuleMetrics() if every is not None and metrics_port is not None else None
    end = _serve(metrics, metrics_port) if metrics and metrics_port is not None else None
    _look(config, states, log, drifts, metrics)
    if every is not None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        print(f"Watching {log} by {len(states.rules)} rules, every {every:g} s.", file=sys.stderr, flush=True)
        while not stop.wait(every):
            _look(config, states, log, drifts, metrics)
    if end:
        end()
    drifts.save()


def _print_states(states: AlertStates, as_json: bool) -> None:
    now = time.time()
    if as_json:
        rules = {
            name: {
                "status": "firing" if state.firing_since else "quiet",
                "since": state.firing_since,
                "silenced_until": state.silenced_until if state.silenced_until > now else None,
            }
            for name, state in states.rules.items()
        }
        print(json.dumps({"rules": rules}, indent=2))
        return
    for name, state in states.rules.items():
        until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(state.silenced_until))
        silence = f", silenced until {until}" if state.silenced_until > now else ""
        print(f"{name}: {'fires' if state.firing_since else 'quiet'}{silence}")


def _look(config: AlertConfig, states: AlertStates, log: Path, drifts: DriftWatch, metrics: RuleMetrics | None) -> None:
    for failure in look_once(config, states, log, drifts, metrics):
        print(failure, file=sys.stderr, flush=True)


def _serve(metrics: RuleMetrics, port: int) -> Callable[[], None]:
    port, end = metrics.serve(port)
    print(f"Numbers for Prometheus: http://127.0.0.1:{port}/metrics", file=sys.stderr, flush=True)
    return end


def _silence(states: AlertStates, config: AlertConfig, text: str) -> None:
    name, _, span = text.partition("=")
    known = dict.fromkeys([*config.rules, *states.rules])
    if name not in known:
        raise InputError(f"--silence {text!r} names no rule; there are {', '.join(known)}.")
    try:
        with states.changing():
            states.silence(name, parse_span(span))
    except ValueError as error:
        raise InputError(f"--silence {text!r}: {error}.") from None
