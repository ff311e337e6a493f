"""A server of buckets over a folder, and a line to it that counts bytes and can break."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aletheia.core.buckets import mirror, store
from aletheia.core.settings import get_settings

from .waiting import wait_for

KEY, SECRET = "reader", "a-word-that-nobody-says"


@contextlib.contextmanager
def bucket_server(folder: Path, *, is_watched: bool = False) -> Iterator[int]:
    """Serve the folders below one as buckets; yield the port.

    Files that a test itself writes into them later are seen if `is_watched`, which makes the server slow.
    """
    program = Path(sys.executable).with_name("rclone")
    command = [str(program if program.is_file() else shutil.which("rclone")), "serve", "s3", "--config", os.devnull]
    command += ["--auth-key", f"{KEY},{SECRET}", "--addr", "127.0.0.1:0"]
    command += [*(["--dir-cache-time", "0s"] if is_watched else []), str(folder)]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)

        def said() -> str:
            return os.pread(output.fileno(), 1 << 20, 0).decode()

        def address() -> re.Match[str] | None:
            return re.search(r"Starting s3 server on \[http://127\.0\.0\.1:(\d+)/", said())

        try:
            wait_for(lambda: address() or process.poll() is not None, message="the server of buckets does not start")
            if not (found := address()):
                raise RuntimeError(said())
            yield int(found[1])
        finally:
            process.terminate()
            process.wait()


def environment(port: int) -> dict[str, str]:
    """Variables by which a process reaches the server."""
    return {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_MAX_ATTEMPTS": "2",
    }


def use(patch: pytest.MonkeyPatch, port: int, cache: Path, **variables: str) -> None:
    """Let this process use a server, with a mirror of its own."""
    for name, value in {**environment(port), "ALETHEIA_CACHE": str(cache), **variables}.items():
        patch.setenv(name, value)
    forget()


def forget() -> None:
    """Forget clients and settings, as a new process would."""
    import mlrun

    get_settings.cache_clear()
    store.client.cache_clear()
    store._datastore.cache_clear()
    mirror._opened.cache_clear()
    mlrun.datastore.store_manager._stores.clear()


class Line:
    """Passes connections on to a port of this machine, counts the bytes that come back, and breaks off when told.

    Parameters
    ----------
    port : int
        Of the server.

    Attributes
    ----------
    port : int
        Of the line.
    received : int
        Bytes that the server sent.
    break_after : int or None
        Break the connection after so many further bytes, once.
    stall_after : int or None
        Pass nothing on after so many further bytes, on one connection, and set `stalled`.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.received, self.breaks = 0, 0
        self.break_after = self.stall_after = None
        self.stalled, self._ended = threading.Event(), threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as far:
            while True:
                for side in select.select([near, far], [], [])[0]:
                    data = side.recv(1 << 16)
                    if not data:
                        return
                    if side is far:  # counted first: whoever has got it finds it counted
                        self.received += len(data)
                    (far if side is near else near).sendall(data)
                    if side is far and self._is_broken(len(data)):
                        return

    def _is_broken(self, size: int) -> bool:
        if self.stall_after is not None:
            self.stall_after -= size
            if self.stall_after <= 0:
                self.stall_after = None
                self.stalled.set()
                self._ended.wait()
        if self.break_after is None:
            return False
        self.break_after -= size
        if self.break_after > 0:
            return False
        self.break_after, self.breaks = None, self.breaks + 1
        return True
