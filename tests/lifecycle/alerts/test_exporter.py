"""Numbers of the watch, as Prometheus reads them."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aletheia.core.errors import InputError
from aletheia.lifecycle.alerts.exporter import RuleMetrics
from aletheia.lifecycle.alerts.measures import Measured
from aletheia.lifecycle.alerts.rules import DEFAULT_RULES
from aletheia.lifecycle.alerts.state import RuleState


def scrape(port: int) -> dict[tuple, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_looks_are_shown():
    metrics = RuleMetrics()
    port, end = metrics.serve(0)
    try:
        states = {"slow": RuleState(firing_since=1.0), "changed": RuleState()}
        metrics.update(DEFAULT_RULES, {"slow": Measured(612.0, ""), "changed": Measured(None, "")}, states)
        shown = scrape(port)
        assert shown["aletheia_rule_value", "p95_ms", "slow"] == 612.0
        assert (shown["aletheia_rule_firing", "slow"], shown["aletheia_rule_firing", "changed"]) == (1, 0)
        assert ("aletheia_rule_value", "changes", "changed") not in shown  # not judged
        assert shown["aletheia_monitor_last_look_timestamp_seconds",] > 1.7e9
        metrics.update(DEFAULT_RULES, {}, {"changed": RuleState()})
        assert ("aletheia_rule_firing", "slow") not in scrape(port)  # a rule that is gone
    finally:
        end()


def test_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="cannot be listened on"):
        RuleMetrics().serve(taken.getsockname()[1])
