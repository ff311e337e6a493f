"""Messages between the service and its decoding processes: short JSON over a socket, contents in shared memory.

A content travels as an open file that has no name: neither side sees a path of the other, and it is gone when the last
descriptor is closed. Messages of a decoding process are checked like anything else that comes from outside.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from aletheia.core.errors import AletheiaError, InputError

Source = str | Path | bytes | IO[bytes]
MAX_MESSAGE = 1 << 20
_LENGTH = struct.Struct(">I")


class ChannelError(AletheiaError):
    """The other side is gone, or sends messages that break the protocol."""


def anonymous_file() -> int:
    """Create an empty file in memory; the caller closes the descriptor."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("aletheia", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def write(descriptor: int, content: bytes | memoryview) -> None:
    """Write the beginning of a file."""
    view, written = memoryview(content).cast("B"), 0
    while written < len(view):
        written += os.pwrite(descriptor, view[written:], written)


def shared_file(content: bytes | memoryview) -> int:
    """Create a file in memory with this content; the caller closes the descriptor."""
    descriptor = anonymous_file()
    try:
        write(descriptor, content)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_into(descriptor: int, target: memoryview) -> None:
    """Read the beginning of a file into memory; ChannelError when it is shorter.

    Read, not mapped: a file that shrinks while it is mapped would kill the reader.
    """
    position = 0
    while position < len(target):
        count = os.preadv(descriptor, [target[position:]], position)
        if not count:
            raise ChannelError("the content is shorter than announced")
        position += count


def send(link: socket.socket, message: dict[str, Any], descriptor: int | None = None) -> None:
    """Send a message, and a file with it; the file stays open on this side."""
    payload = json.dumps(message).encode()
    data = _LENGTH.pack(len(payload)) + payload
    try:
        sent = socket.send_fds(link, [data], [] if descriptor is None else [descriptor])
        link.sendall(data[sent:])
    except OSError as error:
        raise ChannelError(str(error)) from None


def receive(link: socket.socket, timeout: float | None = None) -> tuple[dict[str, Any], int | None]:
    """Wait for a message; returns it and the descriptor of the file that came with it, which the caller closes.

    Raises
    ------
    TimeoutError
        When there is none within so many seconds.
    ChannelError
        When the other side is gone or breaks the protocol.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    files: list[int] = []
    try:
        head = _receive_exactly(link, _LENGTH.size, deadline, files)
        (length,) = _LENGTH.unpack(head)
        if length > MAX_MESSAGE or len(files) > 1:
            raise ChannelError("a message that is too long")
        message = json.loads(_receive_exactly(link, length, deadline, files))
        if not isinstance(message, dict):
            raise ChannelError("a message that is no object")
        return message, files.pop() if files else None
    except (ValueError, RecursionError):
        raise ChannelError("a message that is not JSON") from None
    finally:
        for descriptor in files:  # none, unless the message was wrong
            os.close(descriptor)


def _receive_exactly(link: socket.socket, count: int, deadline: float | None, files: list[int]) -> bytes:
    data = b""
    while len(data) < count:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        link.settimeout(left)
        try:
            part, received, _, _ = socket.recv_fds(link, count - len(data), 4)
        except TimeoutError:
            raise
        except OSError as error:
            raise ChannelError(str(error)) from None
        files += received
        if not part:
            raise ChannelError("the other side is gone")
        data += part
    return data


@contextlib.contextmanager
def open_source(source: Source) -> Iterator[int]:
    """Provide a descriptor of the content."""
    if isinstance(source, bytes):
        descriptor = shared_file(source)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    elif isinstance(source, str | Path):
        try:
            file = Path(source).open("rb")  # noqa: SIM115 -- closed below; only opening it may fail
        except (OSError, ValueError) as error:
            raise InputError(f"{source} cannot be opened: {error}") from None
        with file:
            yield file.fileno()
    else:
        source.flush()
        yield source.fileno()
