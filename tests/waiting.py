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


def wait_for(condition: Callable[[], T], seconds: float = 120.0, message: str = "it did not happen in time") -> T:
    """Return the first true value of the condition; the limit is for a fault, however busy the machine is."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, message
        time.sleep(0.02)
    return value
