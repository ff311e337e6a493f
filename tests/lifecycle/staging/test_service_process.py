"""The process of a staged service: however it misbehaves, there is a clear error, and no process stays behind."""

from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace

import httpx
import psutil
import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.staging import service_process
from aletheia.lifecycle.staging.service_process import staged_service

#: A program that says it is ready, and then answers nothing, or everything with 200.
_DEAF = "import sys, time; print('Ready at http://127.0.0.1:9/docs', file=sys.stderr, flush=True); time.sleep(300)"
_ANSWERS = """
import http.server, subprocess, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.headers["Authorization"].startswith("Bearer ") else 401)
        self.send_header("content-length", "0")
        self.end_headers()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(f"Ready at http://127.0.0.1:{server.server_port}/docs", file=sys.stderr, flush=True)
server.serve_forever()
"""


@pytest.fixture
def program(monkeypatch):
    """Let another program take the place of `aletheia serve`."""

    def use(code: str) -> None:
        monkeypatch.setattr(service_process, "SERVE", (sys.executable, "-c", code))

    return use


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('no such model')", r"v9\.9\.9 ended while it started \(exit code 1\): no such model"),
        ("import os; os.kill(os.getpid(), 9)", r"exit code 137\): it said nothing"),
    ],
)
def test_a_service_that_ends(program, code, message):
    program(code)
    before = children()
    with pytest.raises(InputError, match=message), staged_service("model", "v9.9.9"):
        pytest.fail("it is not ready")
    assert children() <= before


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import sys, time; print('loading', file=sys.stderr, flush=True); time.sleep(300)", "loading"),
        (_DEAF, "Ready at "),
    ],
)
def test_a_service_that_does_not_get_ready(program, monkeypatch, code, line):
    """The time is over as soon as it has said its line, however late that is."""
    program(code)
    before, lines, over = children(), service_process._lines, []

    def read(output):
        said = lines(output)
        over.extend(text for text in said if line in text)
        return said

    monkeypatch.setattr(service_process, "_lines", read)
    clock = SimpleNamespace(monotonic=lambda: 3.0 if over else 0.0, sleep=time.sleep)
    monkeypatch.setattr(service_process, "time", clock)
    message = f"not ready within 2 s .*'{line}"
    with pytest.raises(InputError, match=message), staged_service("model", "v9.9.9", start_timeout=2.0):
        pytest.fail("it is not ready")
    assert children() <= before


@pytest.mark.slow
def test_nothing_stays_behind_after_the_block(program):
    program(_ANSWERS)
    before = children()
    with staged_service("model", "v1.0.0") as service:
        assert service.is_alive() and len(service.processes()) == 2 and service.memory_mb() > 1
        assert service.client.get("/").status_code == 200 and service.start_s > 0
    assert children() <= before and not service.is_alive()
    with pytest.raises(RuntimeError, match="in the block"), staged_service("model", "v1.0.0"):
        raise RuntimeError("in the block")
    assert children() <= before


def test_a_service_that_dies_is_seen(program):
    program(_ANSWERS)
    with staged_service("model", "v1.0.0") as service:
        for process in service.processes():
            process.kill()
        psutil.wait_procs(service.processes(), timeout=120)
        assert not service.is_alive()


@pytest.mark.slow
def test_killed_deploy_leaves_no_service():
    code = f"""
import sys
from aletheia.lifecycle.staging import service_process
service_process.SERVE = (sys.executable, "-c", {_ANSWERS!r})
with service_process.staged_service("model", "v1.0.0") as service:
    print("ready", flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) == 3  # who watches, the service, and a process of its own
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=120)
    assert not alive
    process.stdin.close()
    process.stdout.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no signal for the death of a parent")
def test_killed_watcher_leaves_no_service(bundle):
    """The real service, whose own processes end with it."""
    before = children()
    with staged_service(str(bundle), "v1.0.0", start_timeout=240.0) as service:
        family = service.processes()
        assert len(family) > 1 and service.client.get("/readyz").is_success
        (watcher,) = (process for process in psutil.Process().children() if process.pid not in before)
        watcher.kill()
        _, alive = psutil.wait_procs(family, timeout=120)
        for process in alive:
            process.kill()
        assert not alive and not service.is_alive()
        with pytest.raises(httpx.TransportError):
            service.client.get("/readyz")
    assert children() <= before


@pytest.mark.slow
def test_the_port_is_taken(tmp_path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = pytest.raises(InputError, match=f"Port {port} on 127.0.0.1 is taken")
        with refused, staged_service(str(tmp_path), "v1.0.0", port=port):
            pytest.fail("it is not ready")
