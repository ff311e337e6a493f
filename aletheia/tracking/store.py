"""The SQLite file of the tracking service: connections, schema and transactions.

Every request is one transaction, so its rows are stored all or not at all, however the process ends. Write-ahead
logging lets readers go on during a write; ``synchronous=FULL`` waits for the disk at each commit, so that what was
acknowledged survives a power cut, not only a killed process.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from aletheia.core.errors import InputError

SCHEMA_VERSION = 2
APPLICATION_ID = 0x414C4554  # "ALET": distinguishes our file from other SQLite files

_SCHEMA = """
CREATE TABLE projects (
    name TEXT PRIMARY KEY,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    state TEXT NOT NULL,
    owner TEXT NOT NULL,
    labels TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    uid TEXT NOT NULL,
    iteration INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    start_time REAL NOT NULL,
    end_time REAL,
    updated REAL NOT NULL,
    labels TEXT NOT NULL,
    owners TEXT NOT NULL DEFAULT '[]',
    body TEXT NOT NULL,
    UNIQUE (project, uid, iteration)
);
CREATE INDEX runs_by_time ON runs (project, start_time);
CREATE INDEX runs_by_state ON runs (state);
CREATE TABLE logs (
    project TEXT NOT NULL,
    uid TEXT NOT NULL,
    start INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (project, uid, start)
) WITHOUT ROWID;
CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    key TEXT NOT NULL,
    uid TEXT NOT NULL,
    iteration INTEGER NOT NULL,
    tree TEXT NOT NULL,
    kind TEXT NOT NULL,
    producer_uri TEXT NOT NULL,
    parent_uri TEXT NOT NULL,
    best_iteration INTEGER NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    labels TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (project, key, uid)
);
CREATE INDEX artifacts_by_tree ON artifacts (project, tree);
CREATE INDEX artifacts_by_update ON artifacts (project, updated);
CREATE TABLE artifact_tags (
    artifact INTEGER NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (artifact, name)
) WITHOUT ROWID;
CREATE TABLE functions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    uid TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    updated REAL NOT NULL,
    labels TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (project, name, uid)
);
CREATE TABLE function_tags (
    project TEXT NOT NULL,
    function TEXT NOT NULL,
    name TEXT NOT NULL,
    id INTEGER NOT NULL REFERENCES functions (id) ON DELETE CASCADE,
    PRIMARY KEY (project, function, name)
) WITHOUT ROWID;
CREATE TABLE tasks (
    name TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    created REAL NOT NULL
) WITHOUT ROWID;
"""
# What schema 2 added. Rows stay when the model that they are about is deleted.
_LIFECYCLE = """
CREATE TABLE model_versions (
    project TEXT NOT NULL,
    key TEXT NOT NULL,
    version TEXT NOT NULL,
    recipe TEXT NOT NULL,
    claimed REAL NOT NULL,
    PRIMARY KEY (project, key, version)
) WITHOUT ROWID;
CREATE TABLE production_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    key TEXT NOT NULL,
    uid TEXT NOT NULL,
    version TEXT NOT NULL,
    moment REAL NOT NULL
);
CREATE INDEX production_changes_by_key ON production_changes (project, key, id);
"""
# A database of schema 1 knows of production what its tag says now.
_FROM_1 = f"""{_LIFECYCLE}
INSERT INTO production_changes (project, key, uid, version, moment)
    SELECT a.project, a.key, a.uid, '', a.updated FROM artifacts AS a JOIN artifact_tags AS t ON t.artifact = a.id
    WHERE t.name = 'production' AND a.kind = 'model' ORDER BY a.updated;
"""


class Store:
    """A database file, used by the threads of one process.

    Parameters
    ----------
    path
        The database file; its folder must exist.
    max_pages
        Limit of the file in pages of 4,096 bytes, for tests of a full disk.

    Raises
    ------
    InputError
        When the file is not a tracking database or was written by a newer version.
    """

    def __init__(self, path: Path | str, *, max_pages: int | None = None) -> None:
        self.path = Path(path)
        self._max_pages = max_pages
        self._local = threading.local()
        self._write_lock = threading.Lock()
        existed = self.path.exists()
        try:
            connection = self._connect()
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            identity = connection.execute("PRAGMA application_id").fetchone()[0]
            if version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_SCHEMA} {_LIFECYCLE} PRAGMA application_id={APPLICATION_ID};"
                    f" PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
                )
                identity, version = APPLICATION_ID, SCHEMA_VERSION
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"The tracking database {self.path} cannot be opened ({error}). Move it away, or name another"
                " folder by ALETHEIA_HOME."
            ) from None
        if identity != APPLICATION_ID:
            raise InputError(
                f"{self.path} is an SQLite file of another program. Move it away, or name another folder by"
                " ALETHEIA_HOME."
            )
        if version > SCHEMA_VERSION:
            raise InputError(
                f"The tracking database {self.path} was written by a newer Aletheia (schema {version}, this one"
                f" reads {SCHEMA_VERSION}). Upgrade, or name another folder by ALETHEIA_HOME."
            )
        if version == 1:
            connection.executescript(f"BEGIN IMMEDIATE; {_FROM_1} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        if not existed:
            self.path.chmod(0o600)

    def _connect(self) -> sqlite3.Connection:
        """Return the connection of this thread, which is opened by its first request."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            # Transactions are explicit (isolation_level=None): those of the sqlite3 module begin too late to lock.
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA cache_size=-1024")  # KiB, for each thread of the pool
            if self._max_pages:
                connection.execute(f"PRAGMA max_page_count={int(self._max_pages)}")
            self._local.connection = connection
        return connection

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a read transaction: all statements see the same snapshot."""
        connection = self._connect()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a write transaction: committed at the end, rolled back on exceptions."""
        connection = self._connect()
        # The lock lets this process write one transaction at a time, without SQLite's polling.
        with self._write_lock:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def integrity(self) -> str:
        """Return the result of SQLite's own check of the file: ``ok``, or a description of the damage."""
        with self.read() as connection:
            return str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])

    def checkpoint(self) -> None:
        """Merge the write-ahead log into the file, as for a clean stop."""
        with self._write_lock:
            self._connect().execute("PRAGMA wal_checkpoint(TRUNCATE)")
