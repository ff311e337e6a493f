"""The process of a run, as a label of the run.

The label is there from the run's first moment on, however soon its process is killed, and an MLRun server keeps it as
well.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import socket
from pathlib import Path

import psutil

#: Name of the label; its value is ``HOST.PID.START``, with the start in hundredths of a second since 1970.
LABEL = "process"
_VALUE = re.compile(r"([0-9a-f]{16})\.([0-9]{1,10})\.([0-9]{1,14})")


@functools.cache
def _host() -> str:
    """Return a hash of what tells this host's process numbers from those of any other.

    Of two containers of one machine each counts its own processes, so their name spaces are part of it.
    """
    try:
        machine = Path("/etc/machine-id").read_text()
    except OSError:
        machine = ""
    try:
        name_space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        name_space = ""
    text = "\n".join((socket.gethostname(), machine, name_space))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def process_label() -> dict[str, str]:
    """Return the label that names this process, for a run that it carries out itself."""
    return {LABEL: f"{_host()}.{os.getpid()}.{round(psutil.Process().create_time() * 100)}"}


def labelled_process(value: object) -> list[float] | None:
    """Return the process ``[pid, start time]`` that a label names, if it is one of this host; None otherwise."""
    found = _VALUE.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[1] != _host():
        return None
    return [int(found[2]), int(found[3]) / 100]
