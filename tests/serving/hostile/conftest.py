"""A service with its usual limits, and the checks that it must pass after any attack."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from ...waiting import PATIENCE, wait_for

#: Statuses of a refusal with a reason.
REFUSALS = (400, 404, 405, 413, 415, 422)


class Target:
    """The service under attack.

    Attributes
    ----------
    client : httpx.Client
        A client of the service.
    model : str
        Name of the model.
    """

    def __init__(self, client: httpx.Client, jpeg: bytes) -> None:
        self.client, self._jpeg = client, jpeg
        self.model = client.get("/v2/models").json()["models"][0]
        self._before = self.upload(jpeg).json()

    def upload(self, data: bytes, filename: str = "picture.jpg", path: str = "/v1/predict", **fields: str):
        """Send a file in a form."""
        return self.client.post(path, files={"file": (filename, data)}, data=fields)

    def check(self, response: httpx.Response, statuses: tuple[int, ...]) -> None:
        """Check that an answer has one of these statuses and the right form, and that it came in time."""
        assert response.status_code in statuses, f"{response.status_code}: {response.text[:300]}"
        assert response.elapsed.total_seconds() < PATIENCE
        if response.status_code == 204:
            return
        body = json.loads(response.content, parse_constant=_no_constant)
        if response.status_code >= 400:
            if response.url.path.startswith("/v2"):
                assert set(body) == {"error", "kind"}, body
                message = body["error"]
            else:
                assert set(body) == {"ok", "error"} and body["ok"] is False, body
                assert set(body["error"]) == {"kind", "message"}, body
                message = body["error"]["message"]
            assert 10 < len(message) < 1500 and "Traceback" not in message
            for secret in (tempfile.gettempdir(), str(Path.home()), "site-packages", "root:", 'File "'):
                assert secret not in message, message
        assert response.headers["x-content-type-options"] == "nosniff"

    def still_answers(self) -> None:
        """Check that the service is ready, and gives the same answer for a picture as before the attack."""
        assert self.client.get("/readyz").status_code == 200
        after = self.upload(self._jpeg).json()
        for answer in (self._before, after):
            answer.pop("id", None), answer.pop("timing_ms", None)
        assert after == self._before

    def children(self) -> int:
        """Count the child processes, zombies included."""
        return len(psutil.Process().children(recursive=True))


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


@pytest.fixture(scope="module")
def target(served, jpeg, tmp_path_factory) -> Iterator[Target]:
    """Provide the service; afterwards it must answer as before, and have left neither files nor processes behind."""
    folder = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        target = Target(served.client, jpeg)
        children = target.children()
        yield target
        target.still_answers()
        wait_for(lambda: target.children() <= children, message="processes were left behind")
        wait_for(lambda: not _files(folder), message=f"files were left behind: {_files(folder)}")


def _files(folder: Path) -> set[str]:
    """Return the files in a folder, with those that this process holds open there without a name."""
    held = {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    return {entry.name for entry in folder.iterdir()} | {name for name in held if name.startswith(str(folder))}


@pytest.fixture
def peak() -> Callable[[float], contextlib.AbstractContextManager[None]]:
    """Fail when the memory of this process, which runs the service, grows by more bytes at any moment of a block."""

    @contextlib.contextmanager
    def watched(max_growth: float) -> Iterator[None]:
        process, stopped = psutil.Process(), threading.Event()
        before = process.memory_info().rss
        samples = [before]

        def sample() -> None:
            while not stopped.wait(0.005):
                samples.append(process.memory_info().rss)

        watcher = threading.Thread(target=sample)
        watcher.start()
        try:
            yield
        finally:
            stopped.set()
            watcher.join()
        assert max(samples) - before < max_growth, f"memory grew by {(max(samples) - before) / 1e6:.0f} MB"

    return watched
