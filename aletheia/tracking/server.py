"""The process of the tracking service: ``python -m aletheia.tracking.server --home … --port …``.

It holds a lock on its home folder for as long as it lives. The system lets go of the lock with the process,
however that ends, so "is there a service?" has an answer that no stale file can falsify, and two services
never share a database.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import json
import logging
import os
import socket
import sys
import threading
import time
from pathlib import Path

import psutil
import uvicorn

from aletheia.core.errors import InputError
from aletheia.tracking import folders
from aletheia.tracking.app import create_app
from aletheia.tracking.store import Store

HOST = "127.0.0.1"
LOCK = "service.lock"
STATE = "service.json"
DATABASE = "tracking.db"

# Exit codes by which the starter tells what went wrong.
EXIT_PORT_TAKEN = 81
EXIT_RUNNING = 82
EXIT_DATABASE = 83


def bind(port: int) -> socket.socket:
    """Listen on loopback; OSError (EADDRINUSE) when somebody else does."""
    # The protocol is named because asyncio switches Nagle's algorithm off only then; with it on, every answer
    # of two segments waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Lets a restart have the port while connections of the former process fade out; on Linux it does not let
    # two processes listen at once.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def write_state(home: Path, port: int) -> None:
    """Say where the service is, for those who find its lock held."""
    state = {
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "port": port,
        "url": f"http://{HOST}:{port}",
    }
    draft = home / f"{STATE}.{os.getpid()}"
    draft.write_text(json.dumps(state), "utf-8")
    draft.replace(home / STATE)


def _stop_after(server: uvicorn.Server, pid: int) -> None:
    """Stop when a process ends, so that a killed test session leaves no service behind."""
    while psutil.pid_exists(pid):
        time.sleep(1)
    server.should_exit = True


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop (SIGTERM); returns the exit code."""
    parser = argparse.ArgumentParser(prog="aletheia.tracking.server", description="The embedded tracking service.")
    parser.add_argument("--home", type=Path, required=True, help="folder of the database, which must exist")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--max-pages", type=int, default=None, help="limit of the database in pages (for tests)")
    parser.add_argument("--while-pid", type=int, default=None, help="stop when this process ends (for tests)")
    options = parser.parse_args(arguments)
    home = options.home.resolve()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    lock = open(home / LOCK, "w")  # noqa: SIM115 -- held until the process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"A tracking service runs on {home} already.", file=sys.stderr)
        return EXIT_RUNNING
    try:
        listener = bind(options.port)
    except OSError as error:
        print(f"Port {options.port}: {error.strerror}", file=sys.stderr)
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return EXIT_PORT_TAKEN
        raise
    try:
        store = Store(home / DATABASE, max_pages=options.max_pages)
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_DATABASE
    folders.artifact_root(home).mkdir(exist_ok=True)
    port = listener.getsockname()[1]
    write_state(home, port)
    config = uvicorn.Config(
        create_app(store, home, port),
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        # Longer than clients keep a connection, so that none writes into one that is being closed.
        timeout_keep_alive=600,
        timeout_graceful_shutdown=3,
        limit_concurrency=512,
    )
    server = uvicorn.Server(config)
    if options.while_pid:
        threading.Thread(target=_stop_after, args=(server, options.while_pid), daemon=True).start()
    try:
        server.run(sockets=[listener])
    finally:
        (home / STATE).unlink(missing_ok=True)
    store.checkpoint()
    return 0


if __name__ == "__main__":
    sys.exit(main())
