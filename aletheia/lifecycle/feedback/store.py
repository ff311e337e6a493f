"""The store of feedback: one file of SQLite that services write and the command line decides on.

What a caller was told to be stored is on the disk: each write is one transaction with ``synchronous = FULL``, so that
neither a killed process nor a power cut loses it (https://sqlite.org/pragma.html#pragma_synchronous). A full store
takes nothing more rather than letting strangers push out what others said: only rejected statements make room.
"""

from __future__ import annotations

import contextlib
import sqlite3
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.lifecycle.feedback.place import MAX_BYTES
from aletheia.lifecycle.feedback.statement import ACCEPTED, REJECTED, WAITING, Decision, Evaluation, Statement

#: Statements on one answer that are kept, at most; the callers of further ones are refused.
MAX_CALLERS = 20
_TYPES = {float: "REAL", int: "INTEGER", str: "TEXT"}
_BUSY_SECONDS = 10.0  # for which a writer waits until another has finished
_VERSION = 1  # of the tables' columns
_FREED = 500  # rejected statements that make room at once


class StoreFullError(InputError):
    """The store, or its part for one answer, takes nothing more."""


def _columns(row: type) -> str:
    hints = typing.get_type_hints(row)
    kinds = (next(part for part in (*typing.get_args(hint), hint) if part in _TYPES) for hint in hints.values())
    return ", ".join(f"{name} {_TYPES[kind]}" for name, kind in zip(hints, kinds, strict=True))


def _insert(table: str, row: type, key: Sequence[str]) -> str:
    names = list(typing.get_type_hints(row))
    taken = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
    values = f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})"
    return f"{values} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {taken}"


_CREATE = (
    f"CREATE TABLE IF NOT EXISTS statements ({_columns(Statement)}, PRIMARY KEY (answer, caller))",
    f"CREATE TABLE IF NOT EXISTS decisions ({_columns(Decision)}, PRIMARY KEY (answer, label))",
    f"CREATE TABLE IF NOT EXISTS evaluations ({_columns(Evaluation)}, PRIMARY KEY (version))",
    "CREATE INDEX IF NOT EXISTS by_time ON statements (time)",
    "CREATE INDEX IF NOT EXISTS by_picture ON statements (picture)",
)
_PUT_STATEMENT = _insert("statements", Statement, ("answer", "caller"))
_PUT_EVALUATION = _insert("evaluations", Evaluation, ("version",))
_PUT_DECISION = _insert("decisions", Decision, ("answer", "label"))


class FeedbackStore:
    """Takes statements and decisions; threads and processes may share it, each call has a connection of its own.

    Parameters
    ----------
    path : path
        The file, see `aletheia.lifecycle.feedback.place.store_path`; made with its folder by the first write, readable
        by its owner alone.
    max_bytes : int
        Of the file.
    """

    def __init__(self, path: str | Path, max_bytes: int = MAX_BYTES) -> None:
        self.path, self.max_bytes = Path(path), max_bytes

    def add(self, statement: Statement, evaluation: Evaluation | None = None) -> Statement:
        """Write a statement; returns when it is on the disk.

        A caller's statement on an answer takes the place of that caller's former one. What was decided about the
        answer stays: a label that was accepted does not change because somebody says something else.

        Parameters
        ----------
        statement : Statement
        evaluation : Evaluation, optional
            Of the version that answered, kept for `aletheia.lifecycle.monitoring.labelled`.

        Returns
        -------
        Statement
            As it was stored, with its `changes`; a picture that came with the former one is kept.

        Raises
        ------
        StoreFullError
            When the file has reached its size, or too many callers spoke about this answer.
        sqlite3.Error, OSError
            As SQLite and the system raise them: a full disk, a folder that cannot be written.
        """
        with self._writing() as run:
            known = "SELECT * FROM statements WHERE answer = ? AND caller = ?"
            row = run(known, (statement.answer, statement.caller)).fetchone()
            if row is None:
                self._make_room(run, statement.answer)
            else:
                former = Statement(*row)
                changes = former.changes + (former.label != statement.label)
                if not statement.picture:
                    statement = statement._replace(picture=former.picture, phash=former.phash)
                statement = statement._replace(changes=changes)
            run(_PUT_STATEMENT, statement)
            if evaluation:
                run(_PUT_EVALUATION, evaluation)
        return statement

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Write decisions in one transaction; each takes the place of a former one about its answer and label.

        One label of an answer at most is accepted: the other, if it was, is so no longer.
        """
        with self._writing() as run:
            for decision in decisions:
                if decision.state == ACCEPTED:
                    other = "DELETE FROM decisions WHERE answer = ? AND label != ? AND state = ?"
                    run(other, (decision.answer, decision.label, ACCEPTED))
                run(_PUT_DECISION, decision)

    def forget(self, answer: str) -> list[Statement]:
        """Delete all that is known about an answer, also from the file's free pages; returns what it was.

        The pictures of these statements are the caller's to delete.
        """
        with self._writing() as run:
            rows = run("SELECT * FROM statements WHERE answer = ?", (answer,)).fetchall()
            run("DELETE FROM statements WHERE answer = ?", (answer,))
            run("DELETE FROM decisions WHERE answer = ?", (answer,))
        with contextlib.closing(self._open()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the write-ahead log holds the former pages
        return [Statement(*row) for row in rows]

    def statements(self, since: float = 0.0) -> list[Statement]:
        """Return all statements from a moment on (seconds since 1970), in order of time; none without a store."""
        return [Statement(*row) for row in self._read("SELECT * FROM statements WHERE time >= ? ORDER BY time", since)]

    def about(self, answer: str) -> list[Statement]:
        """Return the statements on one answer, in order of time."""
        return [
            Statement(*row) for row in self._read("SELECT * FROM statements WHERE answer = ? ORDER BY time", answer)
        ]

    def decisions(self) -> dict[tuple[str, int], Decision]:
        """Return the decisions by answer and label."""
        found = (Decision(*row) for row in self._read("SELECT * FROM decisions"))
        return {(decision.answer, decision.label): decision for decision in found}

    def evaluations(self) -> dict[str, Evaluation]:
        """Return what is known of the evaluations of versions, by version."""
        return {row[0]: Evaluation(*row) for row in self._read("SELECT * FROM evaluations")}

    def counts(self) -> dict[str, int]:
        """Count the statements by state, and those with a picture (``pictures``)."""
        query = (
            "SELECT coalesce(decisions.state, ?), count(*), sum(picture != '') FROM statements "
            "LEFT JOIN decisions USING (answer, label) GROUP BY 1"
        )
        rows = self._read(query, WAITING)
        counts = dict.fromkeys((WAITING, ACCEPTED, REJECTED), 0) | {state: count for state, count, _ in rows}
        return counts | {"pictures": sum(pictures for _, _, pictures in rows)}

    def _read(self, query: str, *values: object) -> list[tuple[typing.Any, ...]]:
        if not self.path.is_file():
            return []
        with contextlib.closing(self._open(reading=True)) as connection:
            try:
                return connection.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise InputError(f"{self.path} is no store of feedback, or it is damaged: {error}.") from None

    def _make_room(self, run: typing.Callable[..., sqlite3.Cursor], answer: str) -> None:
        (callers,) = run("SELECT count(*) FROM statements WHERE answer = ?", (answer,)).fetchone()
        if callers >= MAX_CALLERS:
            raise StoreFullError(f"{MAX_CALLERS} callers have said something about this answer; no more are noted.")
        if _used_bytes(run) < self.max_bytes:
            return
        oldest = (
            "SELECT statements.rowid FROM statements JOIN decisions USING (answer, label) "
            "WHERE state = ? ORDER BY statements.time LIMIT ?"
        )
        run(f"DELETE FROM statements WHERE rowid IN ({oldest})", (REJECTED, _FREED))
        run("DELETE FROM decisions WHERE state = ? AND answer NOT IN (SELECT answer FROM statements)", (REJECTED,))
        if _used_bytes(run) >= self.max_bytes:
            raise StoreFullError(
                f"The store of feedback has reached its {self.max_bytes:,} bytes; its operator has to decide about "
                "what waits (aletheia feedback reject, forget) before it takes more."
            )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[typing.Callable[..., sqlite3.Cursor]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection.execute
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _open(self, *, reading: bool = False) -> sqlite3.Connection:
        if reading:
            address = f"{self.path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)
        else:
            self.path.touch(mode=0o600)
            connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            if reading:
                self._check_version(connection)
            else:
                if not self._check_version(connection):
                    self._create(connection)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA secure_delete = ON")
        except sqlite3.OperationalError:
            connection.close()
            raise
        except sqlite3.DatabaseError as error:
            connection.close()
            raise InputError(f"{self.path} is no store of feedback, or it is damaged: {error}.") from None
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        with contextlib.suppress(sqlite3.OperationalError):  # another is just making the file, and has done it
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        for command in _CREATE:
            connection.execute(command)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")

    def _check_version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version not in (0, _VERSION):
            raise InputError(
                f"{self.path} is a store of feedback of another version of this project ({version}, not {_VERSION}); "
                "move it away."
            )
        return version


def _used_bytes(run: typing.Callable[..., sqlite3.Cursor]) -> int:
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (int(run(f"PRAGMA {name}").fetchone()[0]) for name in names)
    return (pages - free) * size
