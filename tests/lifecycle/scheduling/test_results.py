"""The last runs of each job."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.scheduling import results
from aletheia.lifecycle.scheduling.results import JobResult, ResultLog


def test_last_runs_the_newest_first(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "_KEPT", 5)
    log = ResultLog(tmp_path / "home" / "schedule.sqlite")
    assert log.last("alerts") == [] and log.next_runs() == {}
    for n in range(8):
        log.note(JobResult("alerts", n, n + 0.5, "ok", f"look {n}"))
    log.note(JobResult("prune", 1.0, 2.0, "error", "x" * 5000))
    assert [result.text for result in log.last("alerts", 2)] == ["look 7", "look 6"]
    assert len(log.last("alerts", 1000)) == 5
    assert len(log.last("prune")[0].text) == 2000
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert log.next_runs() == {}  # no scheduler has run yet


def test_damaged(tmp_path):
    (tmp_path / "schedule.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match=r"is damaged .* delete it, and the jobs begin anew"):
        ResultLog(tmp_path / "schedule.sqlite").last("alerts")
