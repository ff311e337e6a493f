"""A service with its usual limits, and what must be true of it after anything that is thrown at it."""

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

#: Seconds in which every request of the corpus has its answer: what decoding may take, and some room.
PATIENCE = 30.0
#: Statuses that say, with a reason, that there is no answer.
REFUSALS = (400, 404, 405, 413, 415, 422)


class Target:
    """The service under attack.

    Attributes
    ----------
    client : httpx.Client
        Of it.
    model : str
        The name of its model.
    """

    def __init__(self, client: httpx.Client, jpeg: bytes) -> None:
        self.client, self._jpeg = client, jpeg
        self.model = client.get("/v2/models").json()["models"][0]
        self._before = self.upload(jpeg).json()

    def upload(self, data: bytes, filename: str = "picture.jpg", path: str = "/v1/predict", **fields: str):
        """Send a file in a form."""
        return self.client.post(path, files={"file": (filename, data)}, data=fields)

    def check(self, response: httpx.Response, statuses: tuple[int, ...]) -> None:
        """What holds for every answer: its status, its form, and that it came in time."""
        assert response.status_code in statuses, f"{response.status_code}: {response.text[:300]}"
        assert response.elapsed.total_seconds() < PATIENCE
        if response.status_code == 204:
            return
        said = json.loads(response.content, parse_constant=_no_constant)
        if response.status_code >= 400:
            if response.url.path.startswith("/v2"):
                assert set(said) == {"error", "kind"}, said
                message = said["error"]
            else:
                assert set(said) == {"error"} and set(said["error"]) == {"kind", "message"}, said
                message = said["error"]["message"]
            assert 10 < len(message) < 1500 and "Traceback" not in message
            for secret in (tempfile.gettempdir(), str(Path.home()), "site-packages", "root:", 'File "'):
                assert secret not in message, message
        assert response.headers["x-content-type-options"] == "nosniff"

    def still_answers(self) -> None:
        """As before the attack: ready, and with the same answer for a picture."""
        assert self.client.get("/readyz").status_code == 200
        after = self.upload(self._jpeg).json()
        for told in (self._before, after):
            told.pop("id", None), told.pop("timing_ms", None)
        assert after == self._before

    def children(self) -> int:
        """Processes that this one has started, the dead that nobody has buried among them."""
        return len(psutil.Process().children(recursive=True))


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


@pytest.fixture(scope="module")
def target(served, jpeg, tmp_path_factory) -> Iterator[Target]:
    """The service; when all is over it answers as before, and has left neither files nor processes behind."""
    folder = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        target = Target(served.client, jpeg)
        children = target.children()
        yield target
        target.still_answers()
        _settles(lambda: target.children() <= children, "processes were left behind")
        _settles(lambda: not _files(folder), f"files were left behind: {_files(folder)}")


def _settles(true: Callable[[], bool], message: str) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, message
        time.sleep(0.1)


def _files(folder: Path) -> set[str]:
    """What lies in a folder, and what this process holds open there without a name."""
    held = {os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    return {entry.name for entry in folder.iterdir()} | {name for name in held if name.startswith(str(folder))}


@pytest.fixture
def peak() -> Callable[[float], contextlib.AbstractContextManager[None]]:
    """Fails when the memory of this process, the service's, grows by more bytes at any moment of a block."""

    @contextlib.contextmanager
    def watched(most: float) -> Iterator[None]:
        process, done = psutil.Process(), threading.Event()
        before = process.memory_info().rss
        seen = [before]

        def look() -> None:
            while not done.wait(0.005):
                seen.append(process.memory_info().rss)

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
        assert max(seen) - before < most, f"memory grew by {(max(seen) - before) / 1e6:.0f} MB"

    return watched
