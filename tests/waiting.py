"""Servers and other processes that tests start: a free port, and waiting until something is so."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds for what takes few: a busy machine may let any process stand still for tens of them.
PATIENCE = 120.0
_random = random.SystemRandom()  # whatever seed a test has set


def free_port() -> int:
    """Return a port of the loopback interface that is free, of those that no system gives to whoever asks for any."""
    while True:
        port = _random.randrange(20_000, 30_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def wait_for(
    condition: Callable[[], T],
    seconds: float = PATIENCE,
    message: str | Callable[[], str] = "it did not happen in time",
) -> T:
    """Return the first true value of the condition; the limit is for a fault, however busy the machine is."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, message if isinstance(message, str) else message()
        time.sleep(0.02)
    return value
