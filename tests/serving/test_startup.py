"""``aletheia serve`` as a process: fast, without torch, and it finishes what it took."""

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

ALETHEIA = Path(sys.executable).with_name("aletheia")
#: What no process that only answers may import, and what it may import only when it is ready.
NEVER, LATER = ("torch", "lightning", "sklearn"), ("mlrun", "gradio", "pandas", "plotly", "matplotlib")


@contextlib.contextmanager
def process(bundle: Path, *arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen, str, float]]:
    """A service, its address, and the seconds from its start to its first "ready"."""
    began = time.perf_counter()
    command = [str(ALETHEIA), "serve", "--model", str(bundle), "--port", "0", *arguments]
    # As installed, not as this machine may be set up for tests.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=own | environment) as running:
        try:
            lines = iter(running.stderr.readline, "")
            url = next(line.split()[-1] for line in lines if line.startswith("Ready at")).removesuffix("/docs")
            assert httpx.get(f"{url}/readyz").status_code == 200
            yield running, url, time.perf_counter() - began
        finally:
            running.kill()


def test_nothing_heavy_stands_between_the_start_and_the_first_answer(bundle, jpeg, tmp_path):
    """In a process of its own: the application is built and answers a picture, and has imported no torch."""
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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    verdict, modules = json.loads(done.stdout)
    assert verdict in ("real", "fake")
    assert not {*NEVER, *LATER} & set(modules)


def test_the_decoding_process_imports_next_to_nothing():
    code = "import sys, aletheia.serving.decode_worker; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {*NEVER, *LATER, "cv2", "onnxruntime", "openvino", "fastapi"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "/nowhere/at/all"], "/nowhere/at/all"),
        (["--host", "no.such.host.invalid"], "no address"),
        (["--limit", "max_frames"], "name=value"),
        (["--limit", "max_frame=3"], "max_frame"),
        (["--weight", "2", "--weight", "3"], "2 weights"),
    ],
)
def test_what_cannot_be_served_is_told_why(bundle, arguments, words):
    command = [str(ALETHEIA), "serve", "--port", "0", *arguments]
    command += [] if "--model" in arguments else ["--model", str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken(bundle, served):
    port = served.client.base_url.port
    command = [str(ALETHEIA), "serve", "--model", str(bundle), "--port", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"Port {port}" in done.stderr


@pytest.mark.slow
def test_ready_within_three_seconds(bundle):
    """Bytecode compiled and networks prepared by a start before; the best of five, for others test at the same time."""
    times = []
    for _ in range(6):
        with process(bundle, "--no-page") as (_, _, seconds):
            times.append(seconds)
    assert min(times[1:]) < 3.0


@pytest.mark.slow
def test_it_finishes_what_it_took_and_leaves_nothing(bundle, jpeg, clip):
    """SIGTERM comes while videos are being answered: they are answered, with all their frames."""
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
        running.wait(20)
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive


@pytest.mark.slow
def test_killed_it_leaves_no_process(bundle, jpeg):
    with process(bundle, "--no-page") as (running, url, _):
        assert httpx.post(f"{url}/v1/predict", files={"file": jpeg}).status_code == 200
        family = psutil.Process(running.pid).children(recursive=True)
        running.kill()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive


@pytest.mark.slow
def test_the_page_comes_by_itself(bundle):
    """At once a page that reloads itself, then the real one; the end waits for neither."""
    with process(bundle) as (running, url, _):
        first = httpx.get(url)
        assert first.status_code == 200
        assert 'http-equiv="refresh"' in first.text
        deadline = time.monotonic() + 120
        while 'http-equiv="refresh"' in httpx.get(url).text:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        page = httpx.get(url)
        assert page.status_code == 200
        assert "gradio" in page.text
        assert httpx.get(f"{url}/gradio_api/heartbeat/x", timeout=30).status_code == 404  # would be held for ever
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0 or running.returncode == -signal.SIGTERM
        assert time.monotonic() - began < 20
