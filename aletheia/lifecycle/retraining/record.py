"""The last retraining, in a file: what it was about and what came of it, also when its process was killed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write
from aletheia.core.process_lock import holder
from aletheia.core.settings import get_settings

RUNNING, INTERRUPTED = "running", "interrupted"
_MAX_BYTES = 1_000_000


class RetrainingRecord(BaseModel):
    """A retraining.

    Attributes
    ----------
    state : str
        ``running``, ``interrupted``, or how it ended.
    champion, version : str
        The model that it started from, and the one that was registered; empty for none.
    add : list of str
        Its manifests and folders of new faces.
    started, ended : float
        Seconds since 1970; 0 before the end.
    attempts : int
        How often it was begun, interruptions included.
    sentences : list of str
        What came of it.
    """

    model_config = ConfigDict(extra="forbid")

    state: str = RUNNING
    champion: str = ""
    version: str = ""
    add: list[str] = []
    pid: int = 0
    started: float = 0.0
    ended: float = 0.0
    attempts: int = 1
    sentences: list[str] = []


def lock_path(home: Path | None = None) -> Path:
    """Return the file of the lock under which a retraining runs."""
    return (home or get_settings().home) / "retraining.lock"


def record_path(home: Path | None = None) -> Path:
    """Return where the last retraining is recorded."""
    return (home or get_settings().home) / "retraining.json"


def read_record(home: Path | None = None) -> RetrainingRecord | None:
    """Read the record of the last retraining; one whose process has gone is interrupted. None before the first.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    path = record_path(home)
    try:
        text = path.read_bytes()[: _MAX_BYTES + 1]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        record = RetrainingRecord.model_validate_json(text)
    except ValidationError:
        raise InputError(f"{path} is damaged; delete it, and the last retraining is forgotten.") from None
    if record.state == RUNNING and holder(lock_path(home)) is None:
        note = "Its process ended before it did. Nothing that was finished is lost: the next one goes on from there."
        record = record.model_copy(update={"state": INTERRUPTED, "sentences": [note]})
    return record


def begin_record(champion: str, add: list[str]) -> RetrainingRecord:
    """Record that a retraining begins, by a process that holds the lock.

    It counts as another attempt at one that was interrupted before its end.
    """
    before = read_record()
    was_left = before is not None and before.state in (RUNNING, INTERRUPTED)  # whoever ran it holds no lock any more
    again = was_left and before is not None and (before.champion, before.add) == (champion, add)
    attempts = before.attempts + 1 if before is not None and again else 1
    record = RetrainingRecord(champion=champion, add=add, pid=os.getpid(), started=time.time(), attempts=attempts)
    write_record(record)
    return record


def write_record(record: RetrainingRecord) -> None:
    """Write the record, whole or not at all."""
    with atomic_write(record_path()) as file:
        file.write(json.dumps(record.model_dump(), indent=1).encode())
