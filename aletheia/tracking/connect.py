"""Selection of the tracking server: the one that the user configured, or else the embedded one, started on demand."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from aletheia.core.environment import complete_user
from aletheia.core.errors import InputError
from aletheia.core.hosts import host_of, is_loopback
from aletheia.core.settings import get_settings
from aletheia.tracking import service
from aletheia.tracking.access import without_token
from aletheia.tracking.constants import HOST

_VARIABLE = "MLRUN_DBPATH"
# Set beside MLRUN_DBPATH when the address is that of the embedded service, so that a child process (a papermill
# kernel, a Dask worker, the mlrun command) knows that it may start the service again when it has stopped.
_MARK = "ALETHEIA_TRACKING_EMBEDDED"
_CONFIG_FILE = "MLRUN_CONFIG_FILE"
_IGNORE_FILE = "MLRUN_IGNORE_ENV_FILE"
_setting_lock = threading.RLock()  # held while the settings are hidden from MLRun


class _Setting(NamedTuple):
    """An address, and where it was configured."""

    url: str
    origin: str


def _configured() -> _Setting | None:
    """Return the address that the user configured, if any."""
    with _setting_lock:
        for value, origin in (
            (os.environ.get(_VARIABLE), f"{_VARIABLE} in the environment"),
            *_from_files(),
            (getattr(_client_settings(), "dbpath", None), "mlrun.mlconf.dbpath"),
        ):
            # "./" is the client's own default.
            if value and str(value).strip() not in ("", "./"):
                return _Setting(str(value).strip(), origin)
    return None


def _client_settings() -> Any:
    """Return the configuration of MLRun; None unless that is imported."""
    return getattr(sys.modules.get("mlrun"), "mlconf", None)


@contextlib.contextmanager
def without_server() -> Iterator[None]:
    """Import and use MLRun without a server, for what depends on none.

    MLRun asks the server for settings when it is imported and when a serving graph is made: for half a minute where
    none answers, and then it fails. One thread at a time is within; meanwhile others that ask for the address wait.
    """
    with _setting_lock:
        original = {name: os.environ.get(name) for name in (_VARIABLE, _CONFIG_FILE, _IGNORE_FILE)}
        settings = _client_settings()
        address = settings.dbpath if settings else original[_VARIABLE] or ""
        for name in (_VARIABLE, _CONFIG_FILE):
            os.environ.pop(name, None)
        os.environ[_IGNORE_FILE] = "1"
        if settings:
            settings.dbpath = ""
        try:
            yield
        finally:
            for name, value in original.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            if settings := _client_settings():
                settings.dbpath = address


def _from_files() -> list[tuple[str | None, str]]:
    """Read the setting from the files that the client reads when it is imported; each value with its origin."""
    settings: list[tuple[str | None, str]] = []
    if not os.environ.get(_IGNORE_FILE):
        default = os.environ.get("MLRUN_DEFAULT_ENV_FILE", "~/.mlrun.env")
        path = Path(os.path.expanduser(os.environ.get("MLRUN_ENV_FILE") or default))  # noqa: PTH111 -- as the client does
        if path.is_file():
            import dotenv

            settings.append((dotenv.dotenv_values(path).get(_VARIABLE), f"{_VARIABLE} in {path}"))
    config = os.environ.get(_CONFIG_FILE)
    if config and Path(config).is_file():
        import yaml

        try:
            values = yaml.safe_load(Path(config).read_text("utf-8"))
        except yaml.YAMLError as error:
            raise InputError(f"{_CONFIG_FILE}={config} is not valid YAML: {error}") from None
        settings.append((values.get("dbpath") if isinstance(values, dict) else None, f"dbpath in {config}"))
    return settings


def check_server(url: str, origin: str) -> None:
    """Make sure that an MLRun API answers at an address: within 5 s, or 30 s on this machine, which refuses at once.

    Parameters
    ----------
    url, origin
        The address, and where it was configured.

    Raises
    ------
    InputError
        When it does not; with the address, where it was configured, and what to do.
    """
    remedy = (
        f"Start that server, correct {origin}, or remove the setting to use the embedded tracking service"
        f" (unset {_VARIABLE})."
    )
    shown = without_token(url)
    if not url.lower().startswith(("http://", "https://")):
        raise InputError(f"{url!r} ({origin}) is not an http(s) address of an MLRun API server. {remedy}")
    timeout = 30.0 if is_loopback(host_of(url) or "") else 5.0
    try:
        answer = service.request_json(f"{url.rstrip('/')}/api/v1/client-spec", timeout)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return  # a server answers; it is the client that has the credentials
        raise InputError(f"{shown} ({origin}) answers, but not as an MLRun API ({error}). {remedy}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(f"No MLRun API answers at {shown} ({origin}): {reason}. {remedy}") from None
    if "version" not in answer:
        raise InputError(f"{shown} ({origin}) answers, but not as an MLRun API. {remedy}")


def ensure_tracking(progress: bool = False) -> str:
    """Return the address of a tracking server; start the embedded one unless another is configured.

    Sets ``MLRUN_DBPATH`` for this process and its children, and the configuration of MLRun if that is imported. Call
    it before anything that stores or reads runs; it takes milliseconds when the service runs.

    Parameters
    ----------
    progress
        Print on standard error that a service is started.

    Raises
    ------
    InputError
        When a configured server does not answer (there is no silent fallback), when the port of the embedded
        one is taken, or when its folder or database cannot be used.
    """
    complete_user()  # before MLRun asks for it
    setting = _configured()
    home = get_settings().home.resolve()
    if setting and not _is_embedded(setting.url):
        url = setting.url
        check_server(url, setting.origin)
    else:
        running = service.find(home)
        if running is None:
            if progress:
                print("Starting the tracking service …", file=sys.stderr)
            running = service.start(home)
        url = running.url
        os.environ[_MARK] = url
        service.allow_project_folder(home, Path.cwd())
    os.environ[_VARIABLE] = url
    if settings := _client_settings():
        settings.dbpath = url  # the client connects anew by itself when the address has changed
    return url


def reachable_tracking() -> str | None:
    """Return the address of a tracking server that answers now, configured or embedded; None without one.

    For what a command notes on the side: unlike `ensure_tracking` it starts nothing, and refuses nothing.
    """
    try:
        setting = _configured()
        if setting and not _is_embedded(setting.url):
            check_server(setting.url, setting.origin)
            return setting.url
    except InputError:
        return None
    running = service.find(get_settings().home.resolve())
    return running.url if running else None


def _is_embedded(url: str) -> bool:
    """Whether an address is that of the embedded service, running or not."""
    settings = get_settings()
    addresses = {os.environ.get(_MARK), f"http://{HOST}:{settings.tracking_port}"}
    running = service.find(settings.home)
    if running:
        addresses.add(running.url)
    return without_token(url.rstrip("/")) in {without_token(address) for address in addresses if address}
