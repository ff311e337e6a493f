"""Time of a request by stage, and its limit."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from aletheia.inference import timing
from aletheia.inference.errors import RequestError
from aletheia.inference.timing import Stages


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets by hand, in seconds."""
    now = [100.0]
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def test_stages_milliseconds(clock):
    stages = Stages(queued=0.25)
    with stages.stage("decode"):
        clock[0] += 1.0
    with pytest.raises(ZeroDivisionError), stages.stage("network"):  # counts after an error, too
        clock[0] += 0.5
        raise ZeroDivisionError
    with stages.stage("decode"):
        clock[0] += 2.0
    clock[0] += 4.0
    times = stages.milliseconds()
    assert times == {"queue": 250, "decode": 3000, "detect": 0, "network": 500, "judge": 0, "total": 7750}


def test_stages_limit_counts_queue(clock):
    stages = Stages(limit=3.0, queued=1.0)
    clock[0] += 1.5
    assert stages.left() == pytest.approx(0.5)
    stages.check()
    clock[0] += 0.5
    with pytest.raises(RequestError, match="longer than 3 seconds") as raised:
        stages.check()
    assert (raised.value.kind, raised.value.status) == ("timeout", 504)


def test_stages_without_limit(clock):
    stages = Stages()
    clock[0] += 1e9
    stages.check()
    assert stages.left() == float("inf")
