"""What the mirror holds: version and size of every object, when it was used last, and by which processes now."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

_MD5 = re.compile(r"[0-9a-f]{32}")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (name TEXT PRIMARY KEY, etag TEXT, size INTEGER, used REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (session TEXT, name TEXT, PRIMARY KEY (session, name)) WITHOUT ROWID;
"""


class Version(NamedTuple):
    """The content of an object, as the server names it.

    Attributes
    ----------
    etag : str
        Another content has another one.
    size : int
        Bytes.
    """

    etag: str
    size: int

    def is_of(self, file: Path) -> bool:
        """Whether a file has this content, as far as the version tells: of an object sent whole it is the MD5.

        Of one that was sent in parts nothing is told, and the answer is no.
        """
        try:
            if file.stat().st_size != self.size or not _MD5.fullmatch(self.etag):
                return False
            with file.open("rb") as content:
                return hashlib.file_digest(content, "md5").hexdigest() == self.etag
        except FileNotFoundError:
            return False


class Index:
    """The table of a mirror's objects, which several processes share.

    A process leases what it uses until it ends: nobody deletes that. The lease of a killed process ends with it, since
    the system then releases the lock on its file.

    Parameters
    ----------
    folder : Path
        Where the table and the locks lie; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._sessions = folder / "sessions"
        self._sessions.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.RLock()
        self._database = sqlite3.connect(folder / "index.sqlite", timeout=120, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_SCHEMA)
        self.session = uuid.uuid4().hex
        self._held = os.open(self._sessions / self.session, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._held, fcntl.LOCK_EX)
        self._end_leases()

    def close(self) -> None:
        """End the leases of this process; once is enough."""
        with self._lock:
            if self._held < 0:
                return
            self._database.close()
            os.close(self._held)
            self._held = -1
            (self._sessions / self.session).unlink(missing_ok=True)

    def versions(self, below: str) -> dict[str, Version]:
        """Return name and version of the object ``below``, and of all below it as a folder."""
        rows = self._select(
            "SELECT name, etag, size FROM objects WHERE name = ? OR (name >= ? AND name < ?)",
            (below, f"{below}/", f"{below}0"),  # 0 follows the slash
        )
        return {name: Version(etag, size) for name, etag, size in rows}

    def find(self, name: str) -> Version | None:
        """Return the version of one object; None when it is not held."""
        rows = self._select("SELECT etag, size FROM objects WHERE name = ?", (name,))
        return Version(*rows[0]) if rows else None

    def lease(self, names: Iterable[str]) -> None:
        """Note that this process uses objects, those that are fetched yet included."""
        now, names = time.time(), list(names)
        with self._change() as database:
            database.executemany("INSERT OR IGNORE INTO leases VALUES (?, ?)", ((self.session, name) for name in names))
            database.executemany("UPDATE objects SET used = ? WHERE name = ?", ((now, name) for name in names))

    def add(self, name: str, version: Version) -> None:
        """Note an object that is held from now on."""
        with self._change() as database:
            database.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", (name, *version, time.time()))

    def remove(self, names: Iterable[str]) -> None:
        """Forget objects."""
        with self._change() as database:
            database.executemany("DELETE FROM objects WHERE name = ?", ((name,) for name in names))

    def total(self) -> int:
        """Return the bytes of all objects."""
        return int(self._select("SELECT COALESCE(SUM(size), 0) FROM objects")[0][0])

    def unused(self) -> list[tuple[str, int]]:
        """Return name and size of the objects that no process uses, those unused for longest first."""
        self._end_leases()
        query = "SELECT name, size FROM objects WHERE name NOT IN (SELECT name FROM leases) ORDER BY used, name"
        return [(str(name), int(size)) for name, size in self._select(query)]

    def _end_leases(self) -> None:
        with self._change() as database:
            for (session,) in database.execute("SELECT DISTINCT session FROM leases").fetchall():
                if session != self.session and self._has_ended(session):
                    database.execute("DELETE FROM leases WHERE session = ?", (session,))

    def _has_ended(self, session: str) -> bool:
        try:
            descriptor = os.open(self._sessions / session, os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            (self._sessions / session).unlink(missing_ok=True)
            return True
        finally:
            os.close(descriptor)

    def _select(self, query: str, values: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._database:
            yield self._database
