"""The store of feedback: one statement a caller and answer, decisions, bounds, many writers, damage, a full disk."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.feedback import store as module
from aletheia.lifecycle.feedback.place import store_path
from aletheia.lifecycle.feedback.statement import ACCEPTED, REJECTED, Decision, Statement
from aletheia.lifecycle.feedback.store import MAX_CALLERS, FeedbackStore, StoreFullError


def said(answer: str = "a1", caller: str = "c1", label: int = 1, time: float = 1000.0, **more) -> Statement:
    return Statement(answer, caller, label, "own", time, **more)


def decided(state: str, answer: str = "a1", label: int = 1) -> Decision:
    return Decision(answer, state, label, "own", 1000.0, "ops", 2000.0)


@pytest.fixture
def store(tmp_path) -> FeedbackStore:
    return FeedbackStore(store_path(tmp_path / "made"))


def test_last_statement_of_a_caller_counts(store):
    store.add(said(label=1, picture="f00"))
    later = store.add(said(label=0, time=1001.0))
    assert (later.changes, later.picture) == (1, "f00")
    store.add(said(label=0, time=1002.0))
    assert store.about("a1") == [said(label=0, time=1002.0, changes=1, picture="f00")]
    store.add(said(caller="c2"))
    assert [(one.caller, one.label) for one in store.about("a1")] == [("c2", 1), ("c1", 0)]
    assert store.path.stat().st_mode & 0o777 == 0o600


def test_decisions_survive_later_statements(store):
    """Somebody who was right once, and accepted, cannot turn the label round afterwards."""
    store.add(said(label=1))
    store.decide([decided(ACCEPTED)])
    store.add(said(label=0, time=3000.0))
    assert store.decisions() == {("a1", 1): decided(ACCEPTED)}
    assert store.counts() == {"waiting": 1, "accepted": 0, "rejected": 0, "pictures": 0}


def test_one_label_is_accepted(store):
    store.add(said())
    store.decide([decided(ACCEPTED, label=1), decided(REJECTED, "a2", 1)])
    store.decide([decided(ACCEPTED, label=0), decided(ACCEPTED, "a2", 0)])
    assert {key: one.state for key, one in store.decisions().items()} == {
        ("a1", 0): ACCEPTED,
        ("a2", 1): REJECTED,
        ("a2", 0): ACCEPTED,
    }


def test_nothing_without_a_store(store):
    assert store.statements() == []
    assert store.decisions() == {}
    assert store.counts()["waiting"] == 0
    assert not store.path.exists()


def test_forgotten_also_in_the_bytes(store):
    store.add(said(note="Margarete from the choir"))
    store.add(said("a2", note="another"))
    assert [one.note for one in store.forget("a1")] == ["Margarete from the choir"]
    assert [one.answer for one in store.statements()] == ["a2"]
    for file in store.path.parent.iterdir():
        assert b"Margarete" not in file.read_bytes()


def test_callers_of_one_answer_are_bounded(store):
    for number in range(MAX_CALLERS):
        store.add(said(caller=f"c{number}"))
    with pytest.raises(StoreFullError, match="callers have said something about this answer"):
        store.add(said(caller="one more"))
    store.add(said(caller="c0", label=0))  # who has spoken may still change what was said
    store.add(said("a2", caller="one more"))


def test_full_store_refuses_and_rejected_ones_make_room(tmp_path):
    store = FeedbackStore(store_path(tmp_path), max_bytes=200_000)
    count = 0
    with pytest.raises(StoreFullError, match="reached its 200,000 bytes"):
        while count < 1000:
            store.add(said(f"a{count}", note="n" * 1000))
            count += 1
    assert 100 < count < 250
    assert len(store.statements()) == count  # none that was acknowledged made room
    store.decide([decided(REJECTED, "a0"), decided(ACCEPTED, "a1")])
    store.decide([decided(REJECTED, f"a{number}") for number in range(2, 20)])
    store.add(said("new", note="n" * 1000))
    kept = {one.answer for one in store.statements()}
    assert {"a0", "a2", "a19"}.isdisjoint(kept)
    assert {"a1", "a20", "new"} <= kept
    assert store.decisions() == {("a1", 1): decided(ACCEPTED, "a1")}


def test_twenty_threads_make_and_fill_one_file(store, monkeypatch):
    monkeypatch.setattr(module, "_BUSY_SECONDS", 120.0)  # a slow disk keeps the last of them waiting for long
    failures = []

    def write(thread: int) -> None:
        try:
            own = FeedbackStore(store.path)
            for number in range(10):
                own.add(said(f"a{thread}-{number}"))
                own.add(said("shared", caller=f"c{thread}", label=number % 2))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(MAX_CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store.statements()) == 20 * 10 + 20
    assert {one.changes for one in store.about("shared")} == {9}


_WRITER = """
import sys
from aletheia.lifecycle.feedback.store import FeedbackStore
from aletheia.lifecycle.feedback.statement import Statement
store = FeedbackStore(sys.argv[1])
for number in range(100_000):
    store.add(Statement(f"a{number}", "c", 1, "own", float(number)))
    print(number, flush=True)
"""


def test_kill_loses_nothing_acknowledged(store):
    """A process that is killed in the middle of writing has written whatever it said it had."""
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(store.path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.kill()
        acknowledged = 20 + len(process.stdout.read().splitlines())
    answers = {one.answer for one in store.statements()}
    assert {f"a{number}" for number in range(acknowledged)} <= answers
    assert len(answers) <= acknowledged + 1
    store.add(said("after"))


def test_full_disk_is_an_error_and_loses_nothing(store, monkeypatch):
    """SQLite's own limit of pages stands for the disk: it raises the very error, in the very place."""
    store.add(said("first"))
    pages = store.path.stat().st_size // 4096 + 4
    opened = store._open

    def bounded(**options: bool) -> sqlite3.Connection:
        connection = opened(**options)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(store, "_open", bounded)
    count = 0
    with pytest.raises(sqlite3.OperationalError, match="full"):
        while count < 100:
            store.add(said(f"a{count}", note="n" * 1000))
            count += 1
    monkeypatch.undo()
    assert {one.answer for one in store.statements()} == {"first", *(f"a{number}" for number in range(count))}


@pytest.mark.parametrize(
    "content", [b"no database, but long enough to be looked at by SQLite " * 40, b"SQLite format 3\0"]
)
def test_what_is_no_store(store, content):
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    with pytest.raises(InputError, match=r"feedback\.sqlite is no store of feedback, or it is damaged"):
        store.add(said())
    with pytest.raises(InputError, match="is no store of feedback"):
        store.statements()
    assert store.path.read_bytes() == content


def test_store_of_another_version(store):
    store.add(said())
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(InputError, match=r"another version of this project \(7, not 1\); move it away"):
        store.statements()


def test_folder_that_cannot_be_written(tmp_path):
    blocked = Path(tmp_path / "file")
    blocked.write_bytes(b"")
    with pytest.raises(OSError, match=r"file"):
        FeedbackStore(blocked / "feedback.sqlite").add(said())
