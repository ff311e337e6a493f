"""Servers and other processes that tests start: a free port, and waiting until something is so."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def wait_for(condition: Callable[[], T], seconds: float = 120.0) -> T:
    """Return the first true value of the condition; a limit ends the test, however busy the machine is."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return value
