"""What the machine lacks is said in a sentence; everything else stays a defect."""

from __future__ import annotations

import errno
import getpass
import os
import resource
import subprocess
import sys
import urllib.error
from pathlib import Path

import numpy as np
import pytest

from aletheia.core import environment
from aletheia.core.errors import DISK_FULL


def system_error(number: int, name: str | bytes | None = "/some/folder") -> OSError:
    return OSError(number, os.strerror(number), name)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (system_error(errno.ENOSPC), DISK_FULL),
        (system_error(errno.EDQUOT), DISK_FULL),
        (urllib.error.HTTPError("http://x", 507, "full", None, None), DISK_FULL),
        (RuntimeError("ValueError: database or disk is full"), DISK_FULL),
        (system_error(errno.EACCES), "/some/folder cannot be used (Permission denied)"),
        (system_error(errno.EROFS, b"/raw\xff"), "/raw\udcff cannot be used (Read-only file system)"),
        (system_error(errno.EPERM), "/some/folder cannot be used (Operation not permitted)"),
        (system_error(errno.EMFILE), "ulimit -n"),
        (system_error(errno.ENFILE), "ulimit -n"),
        (system_error(errno.ENOMEM, None), "too little memory"),
        (system_error(errno.EAGAIN, None), "ulimit -u"),
        (MemoryError(), "too little memory"),
        (ImportError("libavcodec.so: failed to map segment from shared object"), "too little memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"), "too little"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
    ],
)
def test_explain_what_is_lacking(error, words):
    assert words in environment.explain(error)


@pytest.mark.parametrize(
    "error",
    [
        system_error(errno.EIO),
        system_error(errno.ENOENT),
        system_error(errno.EACCES, None),  # of what, is not known
        system_error(errno.EAGAIN),
        RuntimeError("a defect"),
        ImportError("No module named 'x'"),
        ValueError("Cannot allocate memory"),
        KeyError("x"),
    ],
)
def test_explain_leaves_defects(error):
    assert environment.explain(error) is None


def test_explain_real_lack_of_memory():
    with pytest.raises(MemoryError) as caught:
        np.empty(1 << 60, np.uint8)
    assert environment.explain(caught.value) == environment.TOO_LITTLE_MEMORY
    # As text, the way MLRun keeps it.
    assert environment.explain_text(f"{type(caught.value).__name__}: {caught.value}") == environment.TOO_LITTLE_MEMORY


def test_explain_real_lack_of_files(tmp_path):
    files, limit = [], resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 3, limit[1]))
        with pytest.raises(OSError) as caught:
            while True:
                files.append((tmp_path / "x").open("w"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        for file in files:
            file.close()
    assert "ulimit -n" in environment.explain(caught.value)


def test_complete_user_without_passwd_entry(monkeypatch):
    """As in ``docker run -u 12345``."""
    code = (
        "import os, getpass, pathlib; import aletheia.core.environment as e; import pwd; os.setuid(12345);"
        "print(e.home_folder_error('X')); e.complete_user(); print(getpass.getuser(), pathlib.Path.home())"
    )
    if os.getuid():
        pytest.skip("only root can become another user")
    bare = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME")
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=bare)
    sentence, user = done.stdout.splitlines()
    assert user == "uid-12345 /"
    assert sentence == "No home folder is known for user 12345: set HOME, or X, to a folder that can be written."


def test_complete_user_keeps_a_name(monkeypatch):
    monkeypatch.setenv("LOGNAME", "ada")
    environment.complete_user()
    assert getpass.getuser() == "ada"
