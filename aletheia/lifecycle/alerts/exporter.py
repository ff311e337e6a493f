"""What the watch measures, for Prometheus to scrape: the value of each rule, whether it fires, and the last look."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from aletheia.core.errors import InputError
from aletheia.lifecycle.alerts.measures import Measured
from aletheia.lifecycle.alerts.prometheus import LAST_LOOK, RULE_VALUE
from aletheia.lifecycle.alerts.rules import Rule
from aletheia.lifecycle.alerts.state import RuleState


class RuleMetrics:
    """Gauges of all rules, in a registry of their own. Labels are the names of rules: as many as the file has.

    Attributes
    ----------
    registry : CollectorRegistry
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._values = Gauge(
            RULE_VALUE,
            "What a rule of alerts is about; absent if not judged.",
            ["rule", "metric"],
            registry=self.registry,
        )
        self._firing = Gauge("aletheia_rule_firing", "1 while a rule fires.", ["rule"], registry=self.registry)
        self._look = Gauge(LAST_LOOK, "When the rules were last looked at.", registry=self.registry)

    def update(
        self, rules: Mapping[str, Rule], values: Mapping[str, Measured], states: Mapping[str, RuleState]
    ) -> None:
        """Show a look: rules that are gone, or could not be judged, are shown no more."""
        self._values.clear()
        self._firing.clear()
        for name, state in states.items():
            self._firing.labels(name).set(state.firing_since is not None)
            measured = values.get(name)
            if measured is not None and measured.value is not None:
                self._values.labels(name, rules[name].metric).set(measured.value)
        self._look.set(time.time())

    def serve(self, port: int, host: str = "127.0.0.1") -> tuple[int, Callable[[], None]]:
        """Answer at a port, 0 for a free one; returns the port, and what ends it.

        Raises
        ------
        InputError
            When the port is taken.
        """
        try:
            started: Any = start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            raise InputError(f"Port {port} cannot be listened on: {error.strerror}; choose another.") from None
        server, thread = started

        def end() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return int(server.server_port), end
