"""The file of the prediction log: several writers, bounded size, readers beside, what is not a log."""

from __future__ import annotations

import sqlite3

import pytest

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.lifecycle.prediction_log.entry import LogEntry, ShadowScore
from aletheia.lifecycle.prediction_log.place import default_log
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.lifecycle.prediction_log.table import COLUMNS, PredictionTable, open_for_reading


def rows(first: int, count: int) -> list[LogEntry]:
    return [
        LogEntry(1000.0 + n, f"id-{n}", "5d1f", "store://m", "image", "fake", embedding=bytes(400))
        for n in range(first, first + count)
    ]


def test_columns():
    assert COLUMNS["time"] == "REAL"
    assert COLUMNS["embedding"] == "BLOB"
    assert COLUMNS["faces"] == "INTEGER"
    assert COLUMNS["ms_total"] == "REAL"
    assert list(COLUMNS) == list(LogEntry._fields)


def test_two_writers_and_a_reader(tmp_path):
    path = tmp_path / "made" / "log.sqlite"
    first, second = PredictionTable(path), PredictionTable(path)
    first.append(rows(0, 3))
    with open_for_reading(path) as reading:
        second.append(rows(3, 2))
        assert reading.execute("SELECT count(*) FROM answers").fetchone() == (5,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reading.execute("DELETE FROM answers")
    assert path.stat().st_mode & 0o777 == 0o600
    first.close()
    second.close()


def test_bounded_size(tmp_path):
    """The oldest rows make room, and the file stops growing."""
    path, limit = tmp_path / "log.sqlite", 1_000_000
    table = PredictionTable(path, limit)
    sizes = []
    for start in range(0, 12_000, 300):
        table.append(rows(start, 300))
        sizes.append(path.stat().st_size)
    table.close()
    assert max(sizes) < 1.3 * limit
    assert max(sizes[20:]) == max(sizes)
    kept = read_log(path)
    assert 1000 < len(kept) < 6000
    assert list(kept["id"]) == [f"id-{n}" for n in range(12_000 - len(kept), 12_000)]  # no gap, none of the newest


def test_all_or_nothing(tmp_path):
    path = tmp_path / "log.sqlite"
    table = PredictionTable(path)
    with pytest.raises(sqlite3.Error):
        table.append([*rows(0, 2), ("too", "short")])
    table.append(rows(2, 1))
    table.close()
    assert list(read_log(path)["id"]) == ["id-2"]


def test_no_log(tmp_path):
    with pytest.raises(InputError, match=r"no prediction log at .*; `aletheia serve` writes one"):
        read_log(tmp_path / "none.sqlite")
    for content in (b"", b"no database at all, but longer than its header would be" * 9):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(InputError, match="is no prediction log"):
            read_log(tmp_path / "other")


def test_log_of_another_version(tmp_path):
    path = tmp_path / "log.sqlite"
    PredictionTable(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    for open_ in (PredictionTable, read_log):
        with pytest.raises(InputError, match=r"another version of this project \(7, not 2\); move it away"):
            open_(path)


def test_default_log(monkeypatch, tmp_path):
    monkeypatch.setenv("ALETHEIA_HOME", str(tmp_path))
    get_settings.cache_clear()
    assert default_log() == tmp_path / "predictions.sqlite"
    monkeypatch.undo()
    get_settings.cache_clear()


def as_before_roles(path) -> list[LogEntry]:
    """Write a log as version 1 of the table had it: without the last five columns."""
    old = dict(list(COLUMNS.items())[:-5])
    assert list(COLUMNS)[-5] == "role"
    written = rows(0, 2)
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE answers ({', '.join(f'{name} {kind}' for name, kind in old.items())})")
        connection.executemany(f"INSERT INTO answers VALUES ({', '.join('?' * len(old))})", [r[:-5] for r in written])
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    return written


def test_log_of_an_earlier_version(tmp_path):
    """It is read as it is, and gets the columns that it lacks when a service writes to it."""
    path = tmp_path / "log.sqlite"
    as_before_roles(path)
    before, content = read_log(path), path.read_bytes()
    assert path.read_bytes() == content  # reading changes nothing
    assert list(before["role"]) == ["", ""] and before["other_probability"].isna().all()
    table = PredictionTable(path)
    table.append([rows(2, 1)[0]._replace(role="challenger", other_version="abc")])
    table.close()
    after = read_log(path)
    assert list(after["id"]) == ["id-0", "id-1", "id-2"] and list(after["role"]) == ["", "", "challenger"]
    assert list(after["other_version"]) == ["", "", "abc"] and list(after["other_verdict"]) == ["", "", ""]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


def test_note_to_a_row(tmp_path):
    path = tmp_path / "log.sqlite"
    table = PredictionTable(path)
    first, second = (row._replace(other_version="abc") for row in rows(0, 2))
    table.append([first, second, ShadowScore(first.time, first.id, "real", 0.2)])
    table.append([ShadowScore(second.time, "another", "fake", 0.9), ShadowScore(5.0, second.id, "fake", 0.9)])
    table.close()
    frame = read_log(path)
    assert list(frame["other_verdict"]) == ["real", ""] and list(frame["verdict"]) == ["fake", "fake"]
    assert frame["other_probability"][0] == 0.2 and frame["other_probability"].isna()[1]
