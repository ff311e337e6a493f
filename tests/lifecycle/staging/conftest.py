"""Services in this process: the real application, with a fault in its answers where a test plants one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from aletheia.cli.serve import listen, uvicorn_config
from aletheia.lifecycle.staging.service_process import StagedService
from aletheia.models.spec import read_spec, write_spec
from aletheia.release.golden_answers import record_golden
from aletheia.serving.app import create_app
from aletheia.serving.config import ServeConfig

from ...lifecycle_factories import PASSED, registry
from ...model_factories import jpeg, write_random_bundle
from ...model_factories import random_bundle as bundle
from ...serving.conftest import serving
from ...waiting import wait_for

#: Changes an answer: path, status and JSON body in, status and body out.
Alter = Callable[[str, int, Any], tuple[int, Any]]


def with_golden(folder: Path, seed: int) -> Path:
    """Write a bundle with random weights, the gate's verdict and golden answers, as a registration makes it."""
    write_random_bundle(folder, seed, checks=PASSED)
    write_spec(folder, record_golden(folder, read_spec(folder)))
    return folder


@pytest.fixture(scope="session")
def golden_bundle(tmp_path_factory) -> Path:
    return with_golden(tmp_path_factory.mktemp("golden"), seed=4)


class Altered:
    """An application whose answers in JSON a function changes, after a pause; both may be exchanged at any time."""

    def __init__(self, app) -> None:
        self.app, self.alter, self.seconds = app, _unchanged, 0.0

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        messages = []

        async def keep(message) -> None:
            messages.append(message)

        await self.app(scope, receive, keep)
        await asyncio.sleep(self.seconds)
        body = b"".join(message.get("body", b"") for message in messages[1:])
        status, headers = messages[0]["status"], messages[0]["headers"]
        with contextlib.suppress(ValueError):
            status, changed = self.alter(scope["path"], status, json.loads(body))
            body = json.dumps(changed).encode()
        headers = [(name, value) for name, value in headers if name != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _unchanged(path: str, status: int, body: Any) -> tuple[int, Any]:
    return status, body


@pytest.fixture(scope="session")
def _running(golden_bundle) -> Iterator[tuple[Altered, StagedService]]:
    """One service for all tests: its processes are those of the test."""
    config = ServeConfig(models=(str(golden_bundle),), page=False, workers=2)
    app = Altered(create_app(config))
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn_config(app, config))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as client:
            wait_for(lambda: server.started)
            wait_for(lambda: client.get("/v2/health/ready").is_success)
            yield app, StagedService(client, "v1.0.0", os.getpid(), 0.0)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def service(_running) -> StagedService:
    """The real application without a fault."""
    return _running[1]


@pytest.fixture
def staged(_running) -> Callable[..., AbstractContextManager[StagedService]]:
    """The same with planted faults, as long as a block lasts."""

    @contextlib.contextmanager
    def plant(alter: Alter = _unchanged, seconds: float = 0.0) -> Iterator[StagedService]:
        app, service = _running
        app.alter, app.seconds = alter, seconds
        try:
            yield service
        finally:
            app.alter, app.seconds = _unchanged, 0.0

    return plant
