"""The page of ``aletheia monitor --dashboard``."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path

from aletheia.cli.serve import address_of, listen
from aletheia.core.errors import InputError
from aletheia.core.hosts import is_loopback
from aletheia.lifecycle.alerts.rules import read_alerts
from aletheia.lifecycle.prediction_log.place import default_log
from aletheia.serving.config import API_KEY


def serve_dashboard(log: Path | None, alerts: Path | None, host: str, port: int, names: list[str]) -> None:
    """Serve the page until a signal stops it.

    Parameters
    ----------
    log : path, optional
        The prediction log, which may not be there yet; default: that of `aletheia serve`.
    alerts : path, optional
        The rules; default: the usual ones.
    host, port
        To listen on; port 0 takes a free one.
    names : list of str
        Host names besides those of this machine.

    Raises
    ------
    InputError
        When the rules cannot be read, the address is taken, or the page would be open to the network.
    """
    key = os.environ.get(API_KEY, "")
    if not is_loopback(host) and not key:
        raise InputError(
            f"--host {host} opens the dashboard to the network: set {API_KEY}, and browsers will ask for it as a "
            "password; or leave --host out, and this machine alone can see it."
        )
    import uvicorn

    from aletheia.lifecycle.dashboard.app import create_app
    from aletheia.lifecycle.dashboard.switches import History
    from aletheia.lifecycle.dashboard.watch import DashboardWatch
    from aletheia.lifecycle.feedback.place import store_path
    from aletheia.lifecycle.feedback.reading import read_labels
    from aletheia.lifecycle.feedback.store import FeedbackStore
    from aletheia.serving.connections import Connection

    path = log or default_log()
    store = FeedbackStore(store_path(path.parent))
    watch = DashboardWatch(
        path,
        read_alerts(alerts).rules,
        labels=lambda: (read_labels(path.parent), store.evaluations()),
        history=History(),
    )
    app = create_app(watch, names=names, checks_host=bool(names) or is_loopback(host), key=key)
    listener = listen(host, port)

    class Server(uvicorn.Server):
        """Says when the page is ready."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            print(f"The dashboard: {address_of(listener)} (follows {path})", file=sys.stderr, flush=True)

    config = uvicorn.Config(
        app, http=Connection, access_log=False, log_config=None, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=3,
    )  # fmt: skip
    try:
        with contextlib.suppress(KeyboardInterrupt):
            Server(config).run(sockets=[listener])
    finally:
        listener.close()
