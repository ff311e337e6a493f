"""One look at all rules of alerts: measure, tell, remember."""

from __future__ import annotations

from pathlib import Path

from aletheia.lifecycle.alerts.exporter import RuleMetrics
from aletheia.lifecycle.alerts.measures import Measured, measure
from aletheia.lifecycle.alerts.rules import AlertConfig, Rule
from aletheia.lifecycle.alerts.sinks import tell
from aletheia.lifecycle.alerts.state import AlertStates
from aletheia.lifecycle.monitoring.drift_watch import SAVE_SECONDS, DriftWatch


def look_once(
    config: AlertConfig,
    states: AlertStates,
    log: str | Path,
    drifts: DriftWatch | None = None,
    metrics: RuleMetrics | None = None,
) -> list[str]:
    """Look at the rules, tell whom it concerns, and write the states; returns a sentence for each telling that failed.

    Parameters
    ----------
    config : AlertConfig
        The rules, and where alerts go.
    states : AlertStates
        What is known from earlier looks; read again first, since others look and silence, too.
    log : path
        The prediction log.
    drifts : DriftWatch, optional
        The search for changes of the log, which goes on; by default one goes on with what is kept beside the log.
    metrics : RuleMetrics, optional
        Shows the numbers to Prometheus.

    Raises
    ------
    InputError
        When the log or the file of the states cannot be read, or the latter not be written.
    """
    drifts = drifts or DriftWatch(log)
    values: dict[int, Measured] = {}

    def measured(rule: Rule) -> Measured:
        values[id(rule)] = measure(rule, log, watch=drifts)
        return values[id(rule)]

    with states.changing():
        alerts = states.look(config.rules, measured)
        if metrics:
            by_name = {name: values[id(rule)] for name, rule in config.rules.items() if id(rule) in values}
            metrics.update(config.rules, by_name, states.rules)
        states.untold, failures = tell(alerts, config)
    drifts.save(at_most_every=SAVE_SECONDS)
    return failures
