"""A running service with a model of random weights: its answers mean nothing, but are the same every time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI

from aletheia.cli.serve import listen, uvicorn_config
from aletheia.serving.app import create_app
from aletheia.serving.config import ServeConfig

from ..lifecycle_factories import PASSED, registry
from ..model_factories import clip, jpeg, numberless, with_rules, write_random_bundle
from ..model_factories import random_bundle as bundle
from ..waiting import PATIENCE, wait_for


class Served(NamedTuple):
    """A running service: a client of it, and its application."""

    client: httpx.Client
    app: FastAPI

    def connect(self, seconds: float = PATIENCE) -> socket.socket:
        """Open a connection for raw bytes, which waits so long for an answer."""
        url = self.client.base_url
        return socket.create_connection((url.host, url.port), timeout=seconds)


@pytest.fixture(scope="session", autouse=True)
def _patience() -> Iterator[None]:
    """A client may stand still for minutes, as on a busy machine: what that costs it is tested with other limits."""
    limits = {"security": ("_IDLE", "_BODY", "_DRAIN"), "connections": ("_HEAD", "_READ")}
    with pytest.MonkeyPatch.context() as patch:
        for module, names in limits.items():
            for name in names:
                patch.setattr(f"aletheia.serving.{module}.{name}_SECONDS", PATIENCE)
        yield


@pytest.fixture(scope="session")
def serving(bundle) -> Callable[..., AbstractContextManager[Served]]:
    """Serve the model on a free port, with these fields of the configuration, for as long as a block lasts."""

    @contextlib.contextmanager
    def start(**values) -> Iterator[Served]:
        limits = {"request_timeout_s": PATIENCE, "decode_timeout_s": PATIENCE}
        config = ServeConfig(**{"models": (str(bundle),), "page": False, **limits, **values})
        app = create_app(config)
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn_config(app, config))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx.Client(base_url=url, timeout=2 * PATIENCE) as client:
                wait_for(lambda: server.started)
                yield Served(client, app)
        finally:
            server.should_exit = True
            thread.join()

    return start


@pytest.fixture(scope="session")
def served(serving) -> Iterator[Served]:
    """Serve the model."""
    with serving(workers=2) as running:
        yield running


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """Provide `wait_for`."""
    return wait_for


@pytest.fixture(scope="session")
def damaged() -> Callable[[bytes, np.random.Generator], Iterator[bytes]]:
    """Provide a function that truncates a file at every per cent, and changes bytes at random."""

    def make(data: bytes, rng: np.random.Generator) -> Iterator[bytes]:
        yield from (data[: len(data) * k // 100] for k in range(100))
        for _ in range(200):
            garbled = bytearray(data)
            for place in rng.integers(0, len(garbled), 6):
                garbled[place] = rng.integers(0, 256)
            yield bytes(garbled)

    return make


@pytest.fixture(scope="session")
def two_bundles(tmp_path_factory) -> tuple[Path, Path]:
    """Two networks that answer differently, each with the gate's verdict."""
    folders = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    first, second = (write_random_bundle(folder, seed, checks=PASSED) for seed, folder in enumerate(folders))
    return first, second
