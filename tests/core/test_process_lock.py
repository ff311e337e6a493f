"""A lock that one process holds, and that is free when that process is gone."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from aletheia.core.errors import InputError
from aletheia.core.process_lock import holder, process_lock, waiting_lock

_HOLD = """
import sys, time
from aletheia.core.process_lock import process_lock
with process_lock(sys.argv[1], "A test"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_one_holder_at_a_time_and_none_after_a_kill(tmp_path):
    path = tmp_path / "made" / "lock"
    assert holder(path) is None
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    assert holder(path) == process.pid
    with (
        pytest.raises(InputError, match=rf"A test is running already \(process {process.pid}\)"),
        process_lock(path, "A test"),
    ):
        pytest.fail("two holders")
    assert path.stat().st_mode & 0o777 == 0o600
    process.kill()
    process.wait()
    process.stdout.close()
    assert holder(path) is None
    with process_lock(path, "A test"):
        assert holder(path) is not None
    assert holder(path) is None


def test_a_lock_is_freed_by_an_error(tmp_path):
    with pytest.raises(ValueError, match="inside"), process_lock(tmp_path / "lock", "A test"):
        raise ValueError("inside")
    assert holder(tmp_path / "lock") is None


def test_who_waits_comes_after(tmp_path):
    """No two are within at a time; nobody is refused."""
    path, within, most = tmp_path / "made" / "lock", [], []

    def enter():
        with waiting_lock(path):
            within.append(1)
            time.sleep(0.002)  # for the others to come in between, if they could
            most.append(len(within))
            within.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
    assert path.stat().st_mode & 0o777 == 0o600
