"""Locust file: clients that send prepared requests one after the other, as fast as they are answered.

``ALETHEIA_LOAD`` names a folder with ``requests.json`` (a list of `Request` as objects) and their bodies. Every request
is recorded, and written to ``answers.json`` there at the end: name, start and duration in seconds, status (0 when there
was none), and whether that status was expected.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from pathlib import Path

from locust import FastHttpUser, constant, events, task

FOLDER = Path(os.environ["ALETHEIA_LOAD"])
REQUESTS = [
    {**request, "content": (FOLDER / request["body"]).read_bytes() if request["body"] else None}
    for request in json.loads((FOLDER / "requests.json").read_text())
]
ANSWERS: list[tuple[str, float, float, int, bool]] = []
_seeds = itertools.count()


class Client(FastHttpUser):
    """Sends the requests in an order of its own, each as often as the others."""

    wait_time = constant(0)
    connection_timeout = network_timeout = 60.0

    def on_start(self) -> None:
        """Give the client an order of its own."""
        self._random = random.Random(next(_seeds))
        self._left: list[dict] = []

    @task
    def send(self) -> None:
        """Send the next request and record its answer."""
        if not self._left:
            self._left = self._random.sample(REQUESTS, len(REQUESTS))
        request = self._left.pop()
        headers = {"Content-Type": request["content_type"]} if request["content_type"] else {}
        started = time.time()
        with self.client.request(
            request["method"],
            request["path"],
            data=request["content"],
            headers=headers,
            catch_response=True,
            name=request["name"],
        ) as response:
            is_expected = response.status_code in request["expected"]
            ANSWERS.append((request["name"], started, time.time() - started, response.status_code or 0, is_expected))
            if is_expected:
                response.success()
            else:
                response.failure(f"status {response.status_code}")
        if not response.status_code:  # the server does not run
            time.sleep(0.1)


@events.quitting.add_listener
def _write(**_: object) -> None:
    (FOLDER / "answers.json").write_text(json.dumps(ANSWERS))
