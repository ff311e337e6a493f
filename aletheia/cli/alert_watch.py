"""The looks of ``aletheia monitor --watch`` and ``--alerts`` at the rules of alerts."""

from __future__ import annotations

import signal
import sys
import threading
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
) -> bool:
    """Look at the rules once, or until a signal comes; returns whether one fires.

    The states are kept beside the log, in ``<log>.alerts.json``.

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

    Raises
    ------
    InputError
        When the rules or the log cannot be read, or a silence names no rule.
    """
    config, log = read_alerts(alerts), log or default_log()
    states = AlertStates(states_path(log))
    for text in silences:
        _silence(states, config, text)
    drifts = drifts or DriftWatch(log)
    metrics = RuleMetrics() if watch and metrics_port is not None else None
    end = _serve(metrics, metrics_port) if metrics and metrics_port is not None else None
    _look(config, states, log, drifts, metrics)
    if watch:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        print(f"Watching {log} by {len(states.rules)} rules, every {every:g} s.", file=sys.stderr, flush=True)
        while not stop.wait(every):
            _look(config, states, log, drifts, metrics)
    if end:
        end()
    drifts.save()
    for name, state in states.rules.items():
        print(f"{name}: {'fires' if state.firing_since else 'quiet'}")
    return any(state.firing_since for state in states.rules.values())


def _look(config: AlertConfig, states: AlertStates, log: Path, drifts: DriftWatch, metrics: RuleMetrics | None) -> None:
    for failure in look_once(config, states, log, drifts, metrics):
        print(failure, file=sys.stderr, flush=True)


def _serve(metrics: RuleMetrics, port: int) -> Callable[[], None]:
    port, end = metrics.serve(port)
    print(f"Numbers for Prometheus: http://127.0.0.1:{port}/metrics", file=sys.stderr, flush=True)
    return end


def _silence(states: AlertStates, config: AlertConfig, text: str) -> None:
    name, _, span = text.partition("=")
    if name not in config.rules:
        raise InputError(f"--silence {text!r} names no rule; there are {', '.join(config.rules)}.")
    try:
        states.silence(name, parse_span(span))
    except ValueError as error:
        raise InputError(f"--silence {text!r}: {error}.") from None
