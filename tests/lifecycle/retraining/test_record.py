"""The record of the last retraining, also of one that was killed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aletheia.core.errors import InputError
from aletheia.core.process_lock import process_lock
from aletheia.core.settings import get_settings
from aletheia.lifecycle.retraining.record import (
    INTERRUPTED,
    begin_record,
    lock_path,
    read_record,
    record_path,
    write_record,
)

_KILLED = """
import os, signal
from aletheia.core.process_lock import process_lock
from aletheia.lifecycle.retraining.record import begin_record, lock_path
with process_lock(lock_path(), "A retraining"):
    begin_record("v1.0.0", ["/new"])
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ALETHEIA_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield tmp_path / "home"
    get_settings.cache_clear()


def test_states():
    assert read_record() is None
    with process_lock(lock_path(), "A retraining"):
        record = begin_record("v1.0.0", ["/new"])
        assert read_record() == record and record.state == "running"
        write_record(record.model_copy(update={"state": "registered", "version": "v1.0.1"}))
    assert read_record().version == "v1.0.1"


def test_killed_is_interrupted_and_the_next_one_another_attempt():
    for attempt in (1, 2):
        subprocess.run([sys.executable, "-c", _KILLED], check=False)
        record = read_record()
        assert (record.state, record.attempts) == (INTERRUPTED, attempt)
        assert "the next one goes on from there" in record.sentences[0]
    assert begin_record("v1.0.0", ["/other"]).attempts == 1


def test_damaged(home):
    home.mkdir()
    record_path().write_text("{")
    with pytest.raises(InputError, match=r"retraining\.json is damaged; delete it"):
        read_record()
