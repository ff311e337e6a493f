"""Servers under load: start, memory and end of the process, and the requests that are sent to it."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import psutil

from aletheia.core.lifetime import start_bound
from benchmarks.checkout import free_port

BOUNDARY = "aletheia-benchmark"


class Server:
    """A server process on a free port of the loopback.

    Parameters
    ----------
    name : {'ours', 'ours-bf16', 'reference'}
        The server, and its precision.
    bundle : path
        Folder of the model.
    log : path
        File for its output.
    """

    def __init__(self, name: str, bundle: Path, log: Path) -> None:
        self.name, self.bundle, self.log, self.port = name, bundle, log, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> float:
        """Start the server, always on the same port; returns the seconds until it was ready."""
        if self.name.startswith("ours"):
            arguments = ["-m", "aletheia.cli", "serve", "--model", str(self.bundle), "--port", str(self.port)]
            arguments += ["--precision", "bf16"] * self.name.endswith("bf16")
        else:
            arguments = ["-m", "benchmarks.flask_reference", str(self.bundle), str(self.port)]
        # Both servers choose the number of their threads themselves.
        environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
        began = time.perf_counter()
        with self.log.open("ab") as log:
            self.process = start_bound([sys.executable, *arguments], stdout=log, stderr=log, env=environment)
        while not self.ready():
            if self.process.poll() is not None or time.perf_counter() - began > 120:
                self.stop()
                raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)
        self.pid = psutil.Process(self.process.pid).children()[0].pid
        return time.perf_counter() - began

    def ready(self) -> bool:
        """Tell whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """End it by SIGKILL, as when the machine runs out of memory."""
        family = psutil.Process(self.process.pid).children()
        for server in family:
            server.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it by SIGTERM, as an operator would."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()


class Memory(threading.Thread):
    """Resident memory of a server, once a second: alone, and with the processes that it started.

    Attributes
    ----------
    samples : list of tuple
        Seconds since the beginning, bytes alone, bytes of all.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._process, self._done = psutil.Process(server.pid), threading.Event()
        self.samples: list[tuple[float, int, int]] = []
        self.start()

    def run(self) -> None:
        """Sample until `growth` is called."""
        began = time.perf_counter()
        while not self._done.wait(1):
            alone = self._process.memory_info().rss
            others = 0
            for child in self._process.children(recursive=True):
                try:
                    others += child.memory_info().rss
                except psutil.NoSuchProcess:  # decoders come and go
                    continue
            self.samples.append((time.perf_counter() - began, alone, alone + others))

    def growth(self, warm: float) -> tuple[float, float]:
        """Return the growth, alone and of all, of the median from the first third after `warm` seconds to the last."""
        self._done.set()
        self.join()
        samples = [sample for sample in self.samples if sample[0] >= warm]
        third = max(len(samples) // 3, 1)
        first, last = samples[:third], samples[-third:]
        alone, together = (
            statistics.median(s[k] for s in last) / statistics.median(s[k] for s in first) - 1 for k in (1, 2)
        )
        return alone, together


@dataclasses.dataclass(frozen=True)
class Request:
    """A request that is sent again and again, and the statuses that are expected."""

    name: str
    content: bytes = b""
    expected: tuple[int, ...] = (200,)
    method: str = "POST"
    path: str = "/v1/predict"
    content_type: str = f"multipart/form-data; boundary={BOUNDARY}"


def upload(name: str, content: bytes, filename: str = "picture.jpg", expected: tuple[int, ...] = (200,)) -> Request:
    """Return a request with a file in a form, as a browser sends it."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
    head += "Content-Type: application/octet-stream\r\n\r\n"
    return Request(name, head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode(), expected)


def as_json(name: str, body: object, expected: tuple[int, ...] = (200,), path: str = "/v1/predict") -> Request:
    """Return a request with a JSON object; bytes in it become base64."""
    text = json.dumps(body, default=lambda content: base64.b64encode(content).decode())
    return Request(name, text.encode(), expected, path=path, content_type="application/json")


def write_requests(folder: Path, requests: Sequence[Request]) -> Path:
    """Prepare a folder for benchmarks/load.py; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    described = []
    for number, request in enumerate(requests):
        body = f"{number}.body" if request.method == "POST" else ""
        if body:
            (folder / body).write_bytes(request.content)
        content_type = request.content_type if body else ""
        described.append(
            {
                "name": request.name,
                "method": request.method,
                "path": request.path,
                "expected": request.expected,
                "body": body,
                "content_type": content_type,
            }
        )
    (folder / "requests.json").write_text(json.dumps(described))
    return folder


def start_load(server: Server, folder: Path, clients: int, seconds: float) -> subprocess.Popen:
    """Start Locust, which sends the prepared requests of a folder from so many clients."""
    command = [sys.executable, "-m", "locust", "-f", "benchmarks/load.py", "--headless", "--only-summary"]
    command += ["-u", str(clients), "-r", str(clients), "-t", f"{seconds:.0f}s", "--host", server.url]
    # Failed requests are judged here, not by Locust's exit code.
    command += ["--exit-code-on-error", "0", "--stop-timeout", "60", "--loglevel", "ERROR"]
    environment = {**os.environ, "ALETHEIA_LOAD": str(folder)}
    return start_bound(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def finish_load(locust: subprocess.Popen, folder: Path) -> list[tuple[str, float, float, int, bool]]:
    """Wait for Locust; returns of each request name, start, duration in seconds, status, whether it was expected."""
    if locust.wait():
        raise RuntimeError(f"locust ended with {locust.returncode}")
    return [tuple(row) for row in json.loads((folder / "answers.json").read_text())]
