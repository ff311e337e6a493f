"""A terminal: commands of `aletheia` and its servers as processes that end with this one, and the time they took."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from aletheia.core.errors import InputError
from aletheia.core.lifetime import start_bound
from aletheia.tracking import service

ALETHEIA = (sys.executable, "-m", "aletheia.cli")
_END_SECONDS = 30.0  # that a server may take to end by itself


class StepError(InputError):
    """A step of the demo did not do what it shows.

    Attributes
    ----------
    printed : str
        What the command that failed printed on standard error, if one did.
    """

    def __init__(self, message: str, printed: str = "") -> None:
        super().__init__(message)
        self.printed = printed


class Done(NamedTuple):
    """A command that has ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str


class Terminal:
    """Runs commands in a folder, each of which ends with this process, and keeps what they print.

    Parameters
    ----------
    folder : Path
        The working directory.
    environment : mapping
        Its variables.
    log : Path
        File that gets each command and what it printed.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], log: Path) -> None:
        self.folder, self.environment, self.log = folder, dict(environment), log
        self.home = Path(self.environment["ALETHEIA_HOME"])

    def run(self, *words: str, codes: tuple[int, ...] = (0,)) -> Done:
        """Run ``aletheia …`` to its end.

        Parameters
        ----------
        *words : str
            Arguments.
        codes : tuple of int
            Exit codes that are no failure.

        Raises
        ------
        StepError
            At another exit code, with the command's last lines.
        """
        process = self._start(words, subprocess.PIPE, subprocess.PIPE)
        try:
            out, err = (stream.decode("utf-8", "replace") for stream in _communicate(process))
        finally:
            end(process)
        with self.log.open("a") as log:
            log.write(f"$ {command_line(words)}\n{out}{err}[exit code {process.returncode}]\n\n")
        if process.returncode not in codes:
            lines = (err.strip() or out.strip()).splitlines()[-6:]
            raise StepError(f"{command_line(words)} ended with {process.returncode}: {' '.join(lines)[-1500:]}", err)
        return Done(process.returncode, out, err)

    def json(self, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
        """Run ``aletheia … --json`` and parse what it prints; StepError when that is no JSON."""
        done = self.run(*words, "--json", codes=codes)
        try:
            return json.loads(done.out)
        except ValueError:
            raise StepError(f"{command_line(words)} --json printed no JSON: {done.out[-300:]!r}") from None

    @contextlib.contextmanager
    def server(self, *words: str, ready: Callable[[str], bool], seconds: float = 120.0) -> Iterator[None]:
        """Run a server for as long as the block lasts.

        Parameters
        ----------
        *words : str
            Arguments of ``aletheia``.
        ready : callable
            Tells whether it answers, from what it has printed so far.
        seconds : float
            That it may take until then.

        Raises
        ------
        StepError
            When it ends before, or takes longer.
        """
        began = time.monotonic()
        with self.log.open("ab") as log:
            log.write(f"$ {command_line(words)}\n".encode())
            log.flush()
            start = log.tell()
            process = self._start(words, log, log)
        try:
            while not ready(printed := self.log.read_bytes()[start:].decode("utf-8", "replace")):
                if process.poll() is not None or time.monotonic() - began > seconds:
                    raise StepError(f"{command_line(words)} did not start: {printed[-1000:]}")
                time.sleep(0.05)
            yield
        finally:
            end(process)

    def processor_seconds(self) -> float:
        """Sum up the processor time of this process, of all that it started, and of the tracking service."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        total = time.process_time() + ended.ru_utime + ended.ru_stime
        members = psutil.Process().children(recursive=True)
        with contextlib.suppress(psutil.Error):
            running = service.find(self.home)
            members += [psutil.Process(running.pid)] if running else []
        for member in members:
            with contextlib.suppress(psutil.Error):
                times = member.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def _start(self, words: tuple[str, ...], out: Any, err: Any) -> subprocess.Popen[bytes]:
        options = {"cwd": self.folder, "env": self.environment, "stdout": out, "stderr": err}
        return start_bound([*ALETHEIA, *words], **options)


def command_line(words: tuple[str, ...]) -> str:
    """Return a command as one would type it."""
    return shlex.join(("aletheia", *words))


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process of `start_bound` as its operator would, and by force with all of its own when it does not go."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
    if process.stdin:
        with contextlib.suppress(OSError):
            process.stdin.close()
    process.wait()


def _communicate(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """Read both outputs to their end; standard input stays open, since the command ends with it."""
    parts: list[bytes] = []
    reader = threading.Thread(target=lambda: parts.append(process.stderr.read() if process.stderr else b""))
    reader.start()
    out = process.stdout.read() if process.stdout else b""
    reader.join()
    process.wait()
    return out, b"".join(parts)


def importable(root: Path) -> str:
    """Return a PYTHONPATH by which commands in another folder find the package of this checkout."""
    return os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
