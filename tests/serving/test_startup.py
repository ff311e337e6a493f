"""``aletheia serve`` as a process: its start, its imports and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from aletheia.cli.root import app
from aletheia.core.errors import InputError

pytestmark = pytest.mark.slow

ALETHEIA = Path(sys.executable).with_name("aletheia")
#: Packages that a process that only answers may never import, and those that it may import once it is ready.
NEVER, LATER = ("torch", "lightning", "sklearn"), ("mlrun", "gradio", "pandas", "plotly", "matplotlib")


@contextlib.contextmanager
def process(bundle: Path, *arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen, str, float]]:
    """Start a service; its process, its address, and the seconds until it was ready."""
    began = time.perf_counter()
    command = [str(ALETHEIA), "serve", "--model", str(bundle), "--port", "0", *arguments]
    # As installed, without the settings of a test machine.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=own | environment) as running:
        try:
            lines = iter(running.stderr.readline, "")
            url = next(line.split()[-1] for line in lines if line.startswith("Ready at")).removesuffix("/docs")
            assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200
            yield running, url, time.perf_counter() - began
        finally:
            running.kill()


def test_app_imports_before_first_answer(bundle, jpeg, tmp_path):
    """In a process of its own, the application answers a picture without having imported torch."""
    (tmp_path / "picture.jpg").write_bytes(jpeg)
    code = f"""
import json, sys
import aletheia.cli.root
from aletheia.serving.config import ServeConfig
from aletheia.serving.app import create_app
from aletheia.serving.jobs import Jobs

app = create_app(ServeConfig(models=({str(bundle)!r},), workers=1))
answer = app.state.service.answer_image(open({str(tmp_path / "picture.jpg")!r}, "rb").read())
app.state.service.close()
print(json.dumps([answer["verdict"], sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    verdict, modules = json.loads(result.stdout)
    assert verdict in ("real", "fake")
    assert not {*NEVER, *LATER} & set(modules)


def test_decode_worker_imports():
    code = "import sys, aletheia.serving.decode_worker; print(*{name.partition('.')[0] for name in sys.modules})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {*NEVER, *LATER, "cv2", "onnxruntime", "openvino", "fastapi"} & set(result.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "no.such.host.invalid"], "no address"),
        (["--limit", "max_frames"], "name=value"),
        (["--limit", "max_frame=3"], "max_frame"),
    ],
)
def test_serve_refuses_options(bundle, arguments, message):
    """Before the service changes anything of its process, so that no process of its own is needed."""
    result = CliRunner().invoke(app, ["serve", "--port", "0", "--model", str(bundle), *arguments])
    assert isinstance(result.exception, InputError) and message in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--model", "/nowhere/at/all"], "/nowhere/at/all"), (["--weight", "2", "--weight", "3"], "2 weights")],
)
def test_serve_refuses_models(bundle, arguments, message):
    command = [str(ALETHEIA), "serve", "--port", "0", *arguments]
    command += [] if "--model" in arguments else ["--model", str(bundle)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_serve_few_open_files(bundle):
    """Said at the start, not found out under load."""
    options = f"serve --port 0 --no-page --workers 2 --model {bundle}"
    result = subprocess.run(["sh", "-c", f"ulimit -n 100; exec {ALETHEIA} {options}"], capture_output=True, text=True)
    assert result.returncode == 2
    needed = 64 + 2 * 6 + 34 * 3
    assert f"may open 100 files, and needs {needed} for 2 workers and a queue of 32" in result.stderr
    assert "Traceback" not in result.stderr


def test_serve_port_taken(bundle, served):
    port = served.client.base_url.port
    command = [str(ALETHEIA), "serve", "--model", str(bundle), "--port", str(port)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert f"Port {port}" in result.stderr


def test_serve_start_time(bundle):
    """With bytecode and networks cached by an earlier start: processor time, which other tests hardly change."""
    times = []
    for _ in range(3):
        with process(bundle, "--no-page") as (running, _, _):
            service = psutil.Process(running.pid)
            spent = [one.cpu_times() for one in (service, *service.children(recursive=True))]
            times.append(sum(one.user + one.system for one in spent))
    assert min(times[1:]) < 5.0, times


def test_serve_graceful_shutdown(bundle, jpeg, clip):
    """Videos that are being answered when SIGTERM comes are answered, with all their frames."""
    with process(bundle, "--no-page", "--workers", "1") as (running, url, _):
        family = psutil.Process(running.pid).children(recursive=True)
        assert family
        answers = []

        def ask() -> None:
            with httpx.Client(timeout=60) as client:
                answers.append(client.post(f"{url}/v1/predict", files={"file": clip}, data={"frames": "10"}))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        with httpx.Client() as client:
            while "aletheia_working_requests 1.0" not in client.get(f"{url}/metrics").text:
                time.sleep(0.01)
        time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [200] * 4
        assert all(answer.json()["frames"] == 10 for answer in answers)
        running.wait(60)
        _, alive = psutil.wait_procs(family, timeout=60)
        assert not alive


def test_serve_killed_leaves_no_process(bundle, jpeg):
    with process(bundle, "--no-page") as (running, url, _):
        assert httpx.post(f"{url}/v1/predict", files={"file": jpeg}, timeout=60).status_code == 200
        family = psutil.Process(running.pid).children(recursive=True)
        running.kill()
        _, alive = psutil.wait_procs(family, timeout=60)
        assert not alive


def test_serve_page_starts_later(bundle):
    """First a page that reloads itself, then the real one; the end waits for neither."""
    with process(bundle) as (running, url, _):
        first = httpx.get(url, timeout=60)
        assert first.status_code == 200
        assert 'http-equiv="refresh"' in first.text
        deadline = time.monotonic() + 120
        while 'http-equiv="refresh"' in httpx.get(url, timeout=60).text:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        page = httpx.get(url, timeout=60)
        assert page.status_code == 200
        assert "gradio" in page.text
        assert httpx.get(f"{url}/gradio_api/heartbeat/x", timeout=30).status_code == 404  # would be held for ever
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0 or running.returncode == -signal.SIGTERM
        assert time.monotonic() - began < 20
