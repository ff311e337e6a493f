"""The process of the tracking service: ``python -m aletheia.tracking.server --home … --port …``.

It holds a lock on its home folder for as long as it lives. The operating system releases the lock with the process,
however that ends: whether a service runs does not depend on stale files, and two services never share a database.
"""

from __future__ import annotations

import argparse
import contextlib
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
from aletheia.core.files import replacing
from aletheia.tracking import folders
from aletheia.tracking.app import create_app
from aletheia.tracking.constants import (
    DATABASE,
    EXIT_DATABASE,
    EXIT_PORT_TAKEN,
    EXIT_RUNNING,
    HOST,
    LOCK,
    STATE,
    WHILE_PID,
)
from aletheia.tracking.store import Store


def bind(port: int) -> socket.socket:
    """Listen on a port of the loopback interface (0: any that is free); OSError (EADDRINUSE) when it is taken."""
    # The protocol is named because only then does asyncio switch off Nagle's algorithm, with which every answer of two
    # segments would wait 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Lets a restarted service take the port while connections of the former process are being closed; on Linux two
    # processes still cannot listen at once.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def write_state(home: Path, port: int) -> None:
    """Write pid, start time and address of this service for the processes that find its lock held."""
    state = {
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "port": port,
        "url": f"http://{HOST}:{port}",
    }
    with replacing(home / STATE) as file:
        file.write(json.dumps(state).encode())


def _stop_after(server: uvicorn.Server, pid: int) -> None:
    """Stop the service when a process ends, so that a killed test session does not leave it running."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)  # knows its start time: a later process of the same number is another one
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(1)
    server.should_exit = True


def _named_process() -> int | None:
    text = os.environ.get(WHILE_PID, "")
    return int(text) if text.isdigit() else None


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="aletheia.tracking.server", description="The embedded tracking service.")
    parser.add_argument("--home", type=Path, required=True, help="folder of the database, which must exist")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--max-pages", type=int, default=None, help="limit of the database in pages (for tests)")
    parser.add_argument("--while-pid", type=int, default=_named_process(), help=f"stop when it ends ({WHILE_PID})")
    options = parser.parse_args(arguments)
    home = options.home.resolve()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    lock = (home / LOCK).open("w")  # held until the process ends
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
        # Longer than clients keep a connection, so that they do not write into one that is being closed.
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
