"""Processes that end with the one that started them, however that ends: SIGKILL runs no handler and no `finally`.

Each holds one end of a pipe (or socket) whose other end only its parent holds. The system closes that end with the
parent, and a thread waits for it. Linux's PR_SET_PDEATHSIG would fire when the *thread* that started the process ends,
which a pool of threads does at any time; the main thread of a watcher, which starts one program, does not.

``python -m aletheia.core.lifetime COMMAND …`` runs a program that does not watch its parent, see `start_bound`.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1  # of prctl(2)
_KILLED = 137  # exit code of a process that ended with its parent, as after SIGKILL


def end_with_parent() -> None:
    """End this process when the one that spawned it by `multiprocessing` ends; does nothing in a first process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        _watch(lambda: wait([parent.sentinel]))


def end_with_peer(link: socket.socket) -> None:
    """End this process when the other side of a socket pair is closed, even while it computes."""
    poll = select.poll()
    poll.register(link, 0)  # a hang-up is always reported; data is not waited for
    _watch(poll.poll)


def _watch(gone: Callable[[], Any]) -> None:
    def end() -> None:
        gone()
        os._exit(_KILLED)  # sys.exit would end the thread only, and handlers may wait for the parent

    threading.Thread(target=end, name="lifetime", daemon=True).start()


def start_bound(command: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program that ends, with all processes that it starts, when this process ends.

    Parameters
    ----------
    command : sequence
        The program and its arguments; its standard input is empty.
    **options
        Of `subprocess.Popen`.

    Returns
    -------
    Popen
        Of the process that watches; it passes SIGTERM on and returns the program's exit code (128 + n after
        signal n). The program ends with this object, too; on Linux also when the watcher itself is killed.
    """
    watcher = [sys.executable, "-m", "aletheia.core.lifetime", *command]
    return subprocess.Popen(watcher, stdin=subprocess.PIPE, **options)


def importable_environment() -> dict[str, str]:
    """Return this process's environment, in which another Python finds the package, wherever it is started."""
    parent = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [parent, os.environ.get("PYTHONPATH", "")]))}


def _killed_with(watcher: int) -> Callable[[], None] | None:
    """Return what a new process calls so that Linux kills it with its watcher; None on other systems."""
    if sys.platform != "linux":
        return None
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork, after which little is safe

    def ask_for_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != watcher:  # killed before that
            os._exit(_KILLED)

    return ask_for_signal


def main(command: Sequence[str]) -> int:
    """Run a command until it ends, or until standard input is closed; returns the exit code."""
    bind = _killed_with(os.getpid())
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=bind)  # noqa: PLW1509 -- no thread yet
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group from the terminal
    signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))

    ending = threading.Event()

    def end_all() -> None:
        import psutil

        while os.read(0, 1 << 12):
            pass
        ending.set()
        family = psutil.Process().children(recursive=True)
        for member in family:
            with contextlib.suppress(psutil.Error):
                member.kill()
        os._exit(_KILLED)

    thread = threading.Thread(target=end_all, name="lifetime", daemon=True)
    thread.start()
    code = process.wait()
    if ending.is_set():
        thread.join()  # the program was the first to go; its own processes follow
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
