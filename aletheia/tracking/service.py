"""Start, find and stop the tracking service, and point MLRun at it."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.tracking import folders

HOST = "127.0.0.1"
LOG = "service.log"
_LOCK, _STATE, _START_LOCK = "service.lock", "service.json", "start.lock"
_MODULE = "aletheia.tracking.server"
_EXIT_PORT_TAKEN, _EXIT_RUNNING, _EXIT_DATABASE = 81, 82, 83  # of aletheia.tracking.server
_LOG_LIMIT = 10_000_000


@dataclass(frozen=True)
class Service:
    """A service that answers."""

    pid: int
    url: str
    home: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def request_json(url: str, timeout: float = 5.0) -> dict[str, Any]:
    """GET a JSON object without proxies (this is loopback, or a server that somebody named).

    Raises
    ------
    OSError
        When nothing answers, or not with a JSON object.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout) as response:
            answer = json.loads(response.read(1 << 24))
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from None
    if not isinstance(answer, dict):
        raise OSError("the answer is no JSON object")
    return answer


def _is_locked(path: Path) -> bool:
    """Whether a living process holds this lock."""
    try:
        with open(path) as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _read_state(home: Path) -> dict[str, Any] | None:
    try:
        state = json.loads((home / _STATE).read_text("utf-8"))
        return state if isinstance(state.get("pid"), int) and isinstance(state.get("url"), str) else None
    except (OSError, ValueError, AttributeError):
        return None


def find(home: Path | None = None) -> Service | None:
    """The service of this home folder, if it runs and answers."""
    home = (home or get_settings().home).resolve()
    state = _read_state(home)
    if state is None or not _is_locked(home / _LOCK):
        return None
    with contextlib.suppress(OSError):
        answer = request_json(f"{state['url']}/api/v1/healthz")
        if answer.get("pid") == state["pid"]:
            return Service(state["pid"], state["url"], home)
    return None


@contextlib.contextmanager
def _starting(home: Path, timeout: float) -> Iterator[None]:
    """Hold the right to start a service, so that of two processes the second finds what the first started."""
    deadline = time.monotonic() + timeout
    with open(home / _START_LOCK, "w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InputError(
                        f"Another process has been starting the tracking service in {home} for"
                        f" {timeout:.0f} s."
                        f" Look into {home / LOG}, end that process, and try again."
                    ) from None
                time.sleep(0.05)
        yield


def start(
    home: Path | None = None,
    port: int | None = None,
    *,
    timeout: float = 30.0,
    arguments: tuple[str, ...] = (),
) -> Service:
    """Return the service of this home folder; start it as a process of its own if none answers.

    Parameters
    ----------
    home, port
        From the settings when not given. A service that runs is reused whatever its port.
    timeout
        Seconds to wait for the service to answer.
    arguments
        Further arguments of :mod:`aletheia.tracking.server`.

    Raises
    ------
    InputError
        When the port is taken, the folder cannot be written, the database cannot be read, or nothing answers
        in time.
    """
    settings = get_settings()
    home = (home or settings.home).resolve()
    port = settings.tracking_port if port is None else port
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _starting(home, timeout):
            return find(home) or _spawn(home, port, timeout, arguments)
    except OSError as error:
        raise InputError(
            f"The tracking folder {home} cannot be used: {error.strerror or error}. Name another one by ALETHEIA_HOME."
        ) from None


def _spawn(home: Path, port: int, timeout: float, arguments: tuple[str, ...]) -> Service:
    log = home / LOG
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(home / f"{LOG}.1")
    with open(log, "ab") as output:
        begin = output.tell()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                _MODULE,
                "--home",
                home,
                "--port",
                str(port),
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home,  # not the caller's folder, which it would keep busy
            env=_environment(),
            start_new_session=True,  # Ctrl-C and the closing of a terminal are not for the service
        )
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            with open(log, "rb") as handle:
                handle.seek(begin)
                said = handle.read().decode("utf-8", "replace").strip()
            raise _failure(code, home, port, said)
        state = _read_state(home)
        if state and state["pid"] == process.pid:
            service = find(home)
            if service:
                return service
        time.sleep(0.03)
    process.kill()
    process.wait()
    raise InputError(f"The tracking service did not answer within {timeout:.0f} s; it was stopped. See {log}.")


def _environment() -> dict[str, str]:
    """The environment for the service: importable from anywhere, few threads of allocation arenas."""
    package_parent = str(Path(__file__).resolve().parents[2])
    paths = [package_parent, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "MALLOC_ARENA_MAX": "2"}


def _failure(code: int, home: Path, port: int, said: str) -> InputError:
    if code == _EXIT_PORT_TAKEN:
        return InputError(
            f"Port {port} on {HOST} is taken by {_listener(port)}. Stop it, or give the tracking service another"
            f" port: ALETHEIA_TRACKING_PORT={port + 1 if port < 65535 else port - 1}"
        )
    if code == _EXIT_RUNNING:
        return InputError(
            f"A tracking service holds {home} but does not answer. Stop it (aletheia tracking stop) and try again."
        )
    if code == _EXIT_DATABASE:
        return InputError(said.splitlines()[-1] if said else f"The tracking database in {home} cannot be opened.")
    last = said.splitlines()[-1] if said else f"exit code {code}"
    return InputError(f"The tracking service did not start: {last}. See {home / LOG}.")


def _listener(port: int) -> str:
    """Who listens on a port, as well as the system tells."""
    with contextlib.suppress(OSError):
        answer = request_json(f"http://{HOST}:{port}/api/v1/healthz", timeout=1.0)
        if answer.get("service") == "aletheia-tracking":
            return f"the tracking service of another folder ({answer.get('home')})"
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"another program ({psutil.Process(connection.pid).name()}, pid {connection.pid})"
    return "another program"


def stop(home: Path | None = None, timeout: float = 10.0) -> bool:
    """Stop the service of this home folder; returns whether there was one.

    Only a process that is the service beyond doubt is ended: the lock is held, and the pid still belongs to
    the process that wrote it down.
    """
    home = (home or get_settings().home).resolve()
    state = _read_state(home)
    if not _is_locked(home / _LOCK):
        (home / _STATE).unlink(missing_ok=True)
        return False
    try:
        if state is None:
            raise psutil.NoSuchProcess(0)
        process = psutil.Process(state["pid"])
        # The start time alone is good to a second only: the clock may be set between the two readings.
        if abs(process.create_time() - state.get("started", 0)) > 1 or _MODULE not in process.cmdline():
            raise psutil.NoSuchProcess(state["pid"])
    except psutil.NoSuchProcess:
        raise InputError(
            f"Somebody holds {home / _LOCK}, but {home / _STATE} does not say who. Find the process by `fuser`"
            " or `lsof` on that file and end it."
        ) from None
    process.terminate()
    try:
        process.wait(timeout)
    except psutil.TimeoutExpired:
        process.kill()  # safe: every acknowledged write is on disk
        process.wait(timeout)
    (home / _STATE).unlink(missing_ok=True)
    return True


def allow_project_folder(home: Path, folder: Path) -> None:
    """Let the service hand out the files of a folder if it is an MLRun project."""
    if (folder / "project.yaml").is_file():
        with contextlib.suppress(ValueError, OSError):
            folders.allow(home, folder)
