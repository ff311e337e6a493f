"""Writing beside the answers: nothing raises, nothing waits, and what is lost is counted."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys

import pytest

from aletheia.lifecycle.prediction_log import writer
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.lifecycle.prediction_log.table import lost_rows, open_for_reading
from aletheia.lifecycle.prediction_log.writer import FLUSH_SECONDS, PredictionLog

from ...waiting import wait_for
from .test_table import rows

WRITES_FOR_EVER = """
import sys, time
sys.path[:0] = sys.argv[2:]
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.lifecycle.prediction_log.writer import PredictionLog
log = PredictionLog(sys.argv[1])
for n in range(50):
    log.append(LogEntry(float(n), f"id-{n}", "", ""))
while True:  # until the rows are written by the log's own thread, which is never closed
    time.sleep(0.05)
    try:
        if len(read_log(sys.argv[1])) >= 50:
            break
    except Exception:
        pass
print("written", flush=True)
while True:
    log.append(LogEntry(99.0, "later", "", ""))
    time.sleep(0.01)
"""


def test_close_writes_all(tmp_path):
    log = PredictionLog(tmp_path / "log.sqlite")
    for row in rows(0, 700):
        log.append(row)
    log.close()
    assert log.lost == 0
    assert len(read_log(log.path)) == 700


def test_killed(tmp_path):
    """What was written stays when the process is killed, and the file is whole: only the time of one write is lost."""
    assert FLUSH_SECONDS < 1
    path = tmp_path / "log.sqlite"
    running = subprocess.Popen([sys.executable, "-c", WRITES_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True)
    assert running.stdout.readline() == "written\n"
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    running.stdout.close()
    assert list(read_log(path)["id"][:50]) == [f"id-{n}" for n in range(50)]
    log = PredictionLog(path)
    log.append(rows(60, 1)[0])
    log.close()
    assert "id-60" in set(read_log(path)["id"])


def test_full_disk(tmp_path, monkeypatch, caplog):
    """Rows that the disk does not take are lost and counted; when there is room again, further ones are kept."""
    monkeypatch.setattr(writer, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 0.01)
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = PredictionLog(tmp_path / "log.sqlite")
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))  # the system refuses larger files
    try:
        for row in rows(0, 300):
            log.append(row)
        wait_for(lambda: log.lost)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    lost = log.lost
    assert lost > 0
    for row in rows(300, 5):
        log.append(row)
    log.close()
    kept = set(read_log(log.path)["id"])
    assert {f"id-{n}" for n in range(300, 305)} <= kept
    assert len(kept) + log.lost == 305
    with open_for_reading(log.path) as connection:
        assert lost_rows(connection) == log.lost
    assert sum("rows of the prediction log are lost" in record.message for record in caplog.records) == 1


def test_waiting_rows_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "MAX_WAITING", 10)
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 3600)
    log = PredictionLog(tmp_path / "log.sqlite")
    for row in rows(0, 25):
        log.append(row)
    assert log.lost == 15
    log.close()
    assert len(read_log(log.path)) == 10


@pytest.mark.parametrize("content", [None, b"a file where the folder should be"])
def test_unusable_path(tmp_path, content):
    """A log that can't be made loses its rows, and nothing else."""
    path = tmp_path / "folder" / "log.sqlite"
    if content:
        path.parent.write_bytes(content)
    else:
        path.mkdir(parents=True)
    log = PredictionLog(path)
    log.append(rows(0, 1)[0])
    log.close()
    assert log.lost == 1


def test_found_before_and_after_it_is_written(tmp_path):
    log = PredictionLog(tmp_path / "log.sqlite")
    assert log.find("id-1") is None
    for row in rows(0, 3):
        log.append(row)
    assert log.find("id-1") == rows(1, 1)[0]
    log.close()
    assert not log._unwritten
    assert log.find("id-1") == rows(1, 1)[0]
    assert log.find("id-9") is None


def test_nothing_is_found_while_the_file_is_being_made(tmp_path):
    """A service makes the file first, and its table a moment later."""
    log = PredictionLog(tmp_path / "log.sqlite")
    log.path.touch()
    assert log.find("id-1") is None
    log.close()


def test_lost_rows_are_not_found(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "MAX_WAITING", 1)
    log = PredictionLog(tmp_path / "log.sqlite")
    for row in rows(0, 2):
        log.append(row)
    assert log.lost == 1
    assert log.find("id-1") is None
    log.close()


def test_a_file_that_cannot_be_written_is_named_at_the_start(tmp_path, monkeypatch, caplog):
    """Before the first row: whoever named the wrong file still looks at what the service prints."""
    monkeypatch.setattr(writer, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 0.01)
    (tmp_path / "log.sqlite").write_text("a text " * 1000)
    log = PredictionLog(tmp_path / "log.sqlite")
    wait_for(lambda: caplog.records)
    log._stop.wait(0.1)  # and tried again, in silence
    log.close()
    assert log.lost == 0
    assert [record.message for record in caplog.records] == [
        f"{log.path}: rows of the prediction log are lost: file is not a database"
    ]


def test_a_disk_that_fails_again_is_named_again(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(writer, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 0.01)
    (tmp_path / "folder").write_text("")
    log = PredictionLog(tmp_path / "folder" / "log.sqlite")
    wait_for(lambda: len(caplog.records) == 1)
    (tmp_path / "folder").unlink()
    log.append(rows(0, 1)[0])
    wait_for(lambda: log._table and not log._unwritten)
    monkeypatch.setattr(type(log._table), "append", refuse)
    lost = log.lost
    log.append(rows(1, 1)[0])
    wait_for(lambda: len(caplog.records) == 2)
    log.close()
    assert log.lost == lost + 1


def refuse(*_):
    raise sqlite3.OperationalError("disk I/O error")
