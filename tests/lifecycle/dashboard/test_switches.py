"""When another version came: by the log, and by the tracking server."""

from __future__ import annotations

import pytest

from aletheia.lifecycle.dashboard.switches import History, Switch, first_answers

from ..logs import START, traffic


def test_first_answers(watch_of):
    rows = watch_of(
        traffic(10), traffic(5, start=START + 900, version="b"), traffic(5, start=START + 2000)
    ).follower.rows()
    names = {"5d1f0c3a9b7e": "v1", "b": "<b>v2"}
    assert first_answers(rows, names) == [Switch(START + 900, "<b>v2", "answers")]
    assert first_answers(watch_of([]).follower.rows(), {}) == []


def test_history_without_a_server(monkeypatch):
    monkeypatch.setattr("aletheia.tracking.connect.reachable_tracking", lambda: None)
    history = History()
    history.ask()
    assert history.switches == []
    assert "does not run" in history.problem


@pytest.mark.slow
def test_history(registry, tracking_url, monkeypatch):
    """Promotions and rollbacks of a real tracking server, with who and why."""
    from aletheia.lifecycle.model_versions.production import change

    monkeypatch.setattr("aletheia.tracking.connect.reachable_tracking", lambda: tracking_url)
    monkeypatch.setattr("aletheia.tracking.ensure_tracking", lambda: tracking_url)
    monkeypatch.setattr("aletheia.lifecycle.dashboard.switches.PROJECT", registry.name)
    registry.register("production")
    registry.register()
    change("promote", "v1.0.1", reason="films", project=registry.name)
    history = History()
    history.start()
    history.stop()
    history.ask()
    assert history.problem == ""
    assert [(switch.action, switch.version, switch.reason) for switch in history.switches][-1] == (
        "promote",
        "v1.0.1",
        "films",
    )
    assert history.switches[-1].who
