"""``aletheia serve`` as a process: its start, its imports and its end."""

from __future__ import annotations

import contextlib
import json
import os
import re
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

from ..waiting import PATIENCE, wait_for

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
            assert httpx.get(f"{url}/readyz", timeout=PATIENCE).status_code == 200
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
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
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
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
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
    with process(bundle, "--no-page", "--workers", "1", "--limit", "request_timeout_s=600") as (running, url, _):
        family = psutil.Process(running.pid).children(recursive=True)
        assert family
        answers = []

        def ask() -> None:
            with httpx.Client(timeout=PATIENCE) as client:
                answers.append(client.post(f"{url}/v1/predict", files={"file": clip}, data={"frames": "10"}))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(answers) + _taken(url) == 4)
        running.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [200] * 4
        assert all(answer.json()["frames"] == 10 for answer in answers)
        running.wait(PATIENCE)
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert not alive


def _taken(url: str) -> int:
    """Return how many requests a service has begun to answer, or will."""
    text = httpx.get(f"{url}/metrics", timeout=PATIENCE).text
    return sum(int(float(number)) for number in re.findall(r"^aletheia_(?:working|waiting)_requests (.*)", text, re.M))


def test_serve_killed_leaves_no_process(bundle, jpeg):
    with process(bundle, "--no-page") as (running, url, _):
        assert httpx.post(f"{url}/v1/predict", files={"file": jpeg}, timeout=PATIENCE).status_code == 200
        family = psutil.Process(running.pid).children(recursive=True)
        running.kill()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert not alive


def test_serve_page_starts_later(bundle):
    """First a page that reloads itself, then the real one; the end waits for neither."""
    pages = []
    with (
        process(bundle, "--limit", "request_timeout_s=600") as (running, url, _),
        httpx.Client(base_url=url, timeout=PATIENCE) as client,
    ):
        wait_for(lambda: pages.append(client.get("/")) or "gradio" in pages[-1].text)
        assert {page.status_code for page in pages} == {200}
        assert all('http-equiv="refresh"' in page.text for page in pages[:-1])
        assert client.get("/gradio_api/heartbeat/x").status_code == 404  # would be held for ever
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE) in (0, -signal.SIGTERM)
