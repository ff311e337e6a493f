"""Start, find and stop the tracking service."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
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
from aletheia.core.lifetime import importable_environment
from aletheia.core.settings import get_settings
from aletheia.tracking import access, folders
from aletheia.tracking.constants import EXIT_DATABASE, EXIT_PORT_TAKEN, EXIT_RUNNING, HOST, LOCK, SERVICE, STATE

_LOG = "service.log"
_LOG_LIMIT = 10_000_000  # bytes, after which a log is put aside
_START_LOCK = "start.lock"
_LISTENER_SECONDS = 1.0  # that whoever has the port may take to say what it is
_MODULE = "aletheia.tracking.server"


@dataclass(frozen=True)
class Service:
    """A running service: its process, home folder, and address (with the token where the system does not know us)."""

    pid: int
    url: str
    home: Path

    @property
    def port(self) -> int:
        """TCP port of the address."""
        return int(self.url.rpartition(":")[2])


def request_json(url: str, timeout: float = 30.0) -> dict[str, Any]:
    """GET a JSON object, without the proxies of the environment; user and password may be part of the address.

    Raises
    ------
    OSError
        When nothing answers, or the answer is not a JSON object.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(access.without_token(url))
    if authorization := access.basic_authorization(url):
        request.add_unredirected_header("Authorization", authorization)
    try:
        with opener.open(request, timeout=timeout) as response:
            answer = json.loads(response.read(1 << 24))
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from None
    if not isinstance(answer, dict):
        raise OSError("the answer is not a JSON object")
    return answer


def _is_locked(path: Path) -> bool:
    """Whether a living process holds this lock."""
    try:
        with path.open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _read_state(home: Path) -> dict[str, Any] | None:
    try:
        state = json.loads((home / STATE).read_text("utf-8"))
        return state if isinstance(state.get("pid"), int) and isinstance(state.get("url"), str) else None
    except (OSError, ValueError, AttributeError):
        return None


def find(home: Path | None = None) -> Service | None:
    """Return the service of a home folder (default: from the settings), if it runs and answers."""
    home = (home or get_settings().home).resolve()
    state = _read_state(home)
    if state is None or not _is_locked(home / LOCK):
        return None
    with contextlib.suppress(OSError):
        answer = request_json(f"{state['url']}/api/v1/healthz")
        if answer.get("pid") == state["pid"]:
            url = state["url"] if answer.get("recognised") else access.with_token(state["url"], home)
            return Service(state["pid"], url, home)
    return None


@contextlib.contextmanager
def _starting(home: Path, timeout: float) -> Iterator[None]:
    """Hold a lock while a service is started, so that a second process finds the service that the first one started."""
    deadline = time.monotonic() + timeout
    with (home / _START_LOCK).open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InputError(
                        f"Another process has been starting the tracking service in {home} for {timeout:.0f} s."
                        f" Look into {home / _LOG}, end that process, and try again."
                    ) from None
                time.sleep(0.05)
        yield


def start(
    home: Path | None = None,
    port: int | None = None,
    *,
    timeout: float = 120.0,
    arguments: tuple[str, ...] = (),
) -> Service:
    """Return the service of a home folder; start it as a process of its own if none answers.

    Parameters
    ----------
    home, port
        From the settings when not given. A running service is reused whatever its port.
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
    """Start the process, and wait until it answers."""
    log = home / _LOG
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(home / f"{_LOG}.1")
    with log.open("ab") as output:
        begin = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, "--home", home, "--port", str(port), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home,  # not the caller's folder, which then could not be unmounted
            env=_environment(),
            start_new_session=True,  # Ctrl-C and the closing of a terminal must not end the service
        )
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            with log.open("rb") as handle:
                handle.seek(begin)
                lines = handle.read().decode("utf-8", "replace").strip().splitlines()
            raise _failure(code, home, port, lines[-1] if lines else "")
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
    """Return the environment of the service: this package is importable, and memory is allocated in few arenas."""
    return {**importable_environment(), "MALLOC_ARENA_MAX": "2"}


def _failure(code: int, home: Path, port: int, message: str) -> InputError:
    """Explain the exit code of a service that did not start; the message is the last line of its output."""
    if code == EXIT_PORT_TAKEN:
        return InputError(
            f"Port {port} on {HOST} is taken by {_listener(port)}. Stop it, or give the tracking service another"
            f" port: ALETHEIA_TRACKING_PORT={port + 1 if port < 65535 else port - 1}"
        )
    if code == EXIT_RUNNING:
        return InputError(
            f"A tracking service holds {home} but does not answer. Stop it (aletheia tracking stop) and try again."
        )
    if code == EXIT_DATABASE:
        return InputError(message or f"The tracking database in {home} cannot be opened.")
    return InputError(f"The tracking service did not start: {message or f'exit code {code}'}. See {home / _LOG}.")


def _listener(port: int) -> str:
    """Describe the program that listens on a port, as far as it can be found out."""
    with contextlib.suppress(OSError):
        answer = request_json(f"http://{HOST}:{port}/api/v1/healthz", _LISTENER_SECONDS)
        if answer.get("service") == SERVICE:
            if "home" in answer:
                return f"the tracking service of another folder ({answer['home']})"
            return "the tracking service of another user"
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"another program ({psutil.Process(connection.pid).name()}, pid {connection.pid})"
    return "another program"


def stop(home: Path | None = None, timeout: float = 10.0) -> bool:
    """Stop the service of a home folder; return whether there was one.

    The process is ended only if it certainly is the service: the lock is held, and the pid still belongs to the
    process that wrote it down.

    Parameters
    ----------
    home
        From the settings when not given.
    timeout
        Seconds after which a service that does not stop is killed.

    Raises
    ------
    InputError
        When the lock is held by a process that cannot be identified.
    """
    home = (home or get_settings().home).resolve()
    state = _read_state(home)
    if not _is_locked(home / LOCK):
        (home / STATE).unlink(missing_ok=True)
        return False
    try:
        if state is None:
            raise psutil.NoSuchProcess(0)
        process = psutil.Process(state["pid"])
        # Start times are compared to a second only, since the clock may have been set in between.
        if abs(process.create_time() - state.get("started", 0)) > 1 or _MODULE not in process.cmdline():
            raise psutil.NoSuchProcess(state["pid"])
    except psutil.NoSuchProcess:
        raise InputError(
            f"A process holds {home / LOCK}, but {home / STATE} does not identify it. Find it by `fuser` or `lsof` on"
            " that file and end it."
        ) from None
    process.terminate()
    try:
        process.wait(timeout)
    except psutil.TimeoutExpired:
        process.kill()  # safe: every acknowledged write is on disk
        process.wait(timeout)
    (home / STATE).unlink(missing_ok=True)
    return True


def allow_project_folder(home: Path, folder: Path) -> None:
    """Let the service send the files of a folder if it is an MLRun project."""
    if (folder / "project.yaml").is_file():
        with contextlib.suppress(ValueError, OSError):
            folders.allow(home, folder)
