"""A log that grows, loses its oldest rows, is replaced, damaged, or not there."""

from __future__ import annotations

import sqlite3

import pytest

from aletheia.lifecycle.dashboard import follower as module
from aletheia.lifecycle.dashboard.follower import LogFollower
from aletheia.lifecycle.monitoring.drift import find_drift
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.lifecycle.prediction_log.table import PredictionTable

from ..logs import START, traffic


@pytest.fixture
def log(tmp_path):
    table = PredictionTable(tmp_path / "log.sqlite")
    yield table
    table.close()


def test_each_row_once(log, tmp_path):
    follower = LogFollower(tmp_path / "log.sqlite")
    log.append(list(traffic(500)))
    follower.read()
    log.append(list(traffic(200, seed=1, start=START + 15_000, luma=3.0)), lost=7)
    seen = follower.revision
    follower.read()
    assert follower.revision > seen
    seen = follower.revision
    follower.read()
    assert follower.revision == seen  # nothing new
    assert len(follower.rows()) == 700
    assert (follower.size.rows, follower.size.lost, follower.size.removed) == (700, 7, 0)
    assert follower.size.file_bytes > 100_000
    expected = find_drift(read_log(tmp_path / "log.sqlite"))
    assert (follower.tracker.drifts, follower.tracker.compared) == expected
    assert expected[0]
    assert not follower.is_reading and not follower.is_searching
    assert follower.searched_until == START + 15_000 + 30 * 199


def test_in_parts(log, tmp_path, monkeypatch):
    """A long log comes in parts, the rows before the changes; in the end all is the same."""
    monkeypatch.setattr(module, "_PART", 100)
    log.append([*traffic(500), *traffic(200, seed=1, start=START + 15_000, luma=3.0)])
    follower, states = LogFollower(tmp_path / "log.sqlite"), []
    while follower.is_reading or follower.is_searching:
        follower.read(seconds=0.0)
        states.append((len(follower.rows()), follower.searched_until))
    assert [rows for rows, _ in states[:7]] == [100, 200, 300, 400, 500, 600, 700]
    assert len(states) <= 15
    assert states[5][1] == 0.0
    assert [drift.column for drift in follower.tracker.drifts] == ["luma"]


def test_newest_rows_of_a_long_log(log, tmp_path):
    log.append(list(traffic(500)))
    follower = LogFollower(tmp_path / "log.sqlite", max_rows=300)
    follower.read()
    assert len(follower.rows()) == 300
    assert follower.rows().columns["time"][0] == START + 30 * 200
    assert follower.size.rows == 500


def test_oldest_rows_make_room(log, tmp_path):
    log.append(list(traffic(400)))
    follower = LogFollower(tmp_path / "log.sqlite")
    follower.read()
    with sqlite3.connect(tmp_path / "log.sqlite") as connection:
        connection.execute("DELETE FROM answers WHERE time < ?", (START + 30 * 100,))
    connection.close()
    follower.read()
    assert len(follower.rows()) == 300
    assert follower.size.removed == 100


def test_another_log(log, tmp_path):
    path = tmp_path / "log.sqlite"
    log.append(list(traffic(400)))
    follower = LogFollower(path)
    follower.read()
    log.close()
    for file in tmp_path.iterdir():
        file.unlink()
    follower.read()
    assert "no prediction log" in follower.problem
    assert len(follower.rows()) == 0
    second = PredictionTable(path)
    second.append(list(traffic(3, version="b")))
    second.close()
    follower.read()
    assert follower.problem == ""
    assert set(follower.rows().texts["version"]) == {"b"}


def test_log_that_takes_its_place(log, tmp_path):
    """Another file of the same name, longer than the one before, between two looks."""
    path, other = tmp_path / "log.sqlite", tmp_path / "other.sqlite"
    log.append(list(traffic(50)))
    follower = LogFollower(path)
    follower.read()
    log.close()
    second = PredictionTable(other)
    second.append(list(traffic(80, version="b")))
    second.close()
    other.replace(path)
    follower.read()
    assert set(follower.rows().texts["version"]) == {"b"}
    assert len(follower.rows()) == 80
    assert follower.tracker.compared == {"b": 80}


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_damaged(tmp_path, content):
    path = tmp_path / "log.sqlite"
    path.write_bytes(content)
    follower = LogFollower(path)
    follower.read()
    assert "no prediction log" in follower.problem
    assert not follower.is_reading
    assert len(follower.rows()) == 0


def test_log_from_before_trials(log, tmp_path):
    """A log of an earlier version lacks columns that the page shows."""
    log.append(list(traffic(30)))
    with sqlite3.connect(tmp_path / "log.sqlite") as connection:
        for name in ("role", "other_version"):
            connection.execute(f"ALTER TABLE answers DROP COLUMN {name}")
    connection.close()
    follower = LogFollower(tmp_path / "log.sqlite")
    follower.read()
    assert (follower.problem, len(follower.rows())) == ("", 30)
    assert set(follower.rows().roles.values()) == {""}


def test_log_from_before_losses_were_noted(log, tmp_path):
    log.append([LogEntry(START, "a", "v", "u")])
    with sqlite3.connect(tmp_path / "log.sqlite") as connection:
        connection.execute("DROP TABLE losses")
    connection.close()
    follower = LogFollower(tmp_path / "log.sqlite")
    follower.read()
    assert (follower.problem, follower.size.lost, follower.size.rows) == ("", 0, 1)
