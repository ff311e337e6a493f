"""The serving image: built with Buildah, run with Podman, pushed to a real registry, asked, and stopped under load."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from aletheia.serving.config import ServeConfig
from aletheia.serving.model_loading import load_model
from aletheia.serving.service import InferenceService

from ..waiting import free_port, wait_for
from .containers import LIMITS, NEEDED, PODMAN, build_image, run

pytestmark = [pytest.mark.slow, pytest.mark.long, *NEEDED]
_MAX_BYTES = 1.5e9


@pytest.fixture(scope="module")
def image() -> str:
    return build_image("serving")


def answers(address: str) -> bool:
    """Whether a server answers there, and well."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(address, timeout=60).is_success
    return False


@contextlib.contextmanager
def running(image: str, model: Path, *options: str):
    """A container's name and the address of its service."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    mounts = ["--tmpfs", "/tmp", "--tmpfs", "/var/lib/aletheia:U", "--volume", f"{model}:/model:ro"]
    command = ["serve", "--host", "127.0.0.1", "--port", str(port), "--model", "/model", *options]
    name = run(*PODMAN, "run", "--detach", *LIMITS, "--read-only", "--cap-drop", "all", *mounts, image, *command)
    try:
        wait_for(lambda: answers(f"{url}/readyz"), message=lambda: run(*PODMAN, "logs", name))
        yield name, url
    finally:
        subprocess.run([*PODMAN, "rm", "--force", "--time", "0", name], capture_output=True, check=False)


@pytest.fixture
def model(random_bundle, tmp_path) -> Path:
    """A model that the container's user may read."""
    folder = shutil.copytree(random_bundle, tmp_path / "model")
    for path in (tmp_path, folder, *folder.iterdir()):
        path.chmod(0o755)
    return folder


def test_size_and_user(image):
    described = json.loads(run("podman", "image", "inspect", image))[0]
    assert described["Size"] < _MAX_BYTES
    assert described["Config"]["User"] == "10001" and described["Config"]["StopSignal"] in ("SIGTERM", "15")
    code = (
        "import importlib.util as u, shutil; print([n for n in ('torch', 'pip') if u.find_spec(n)], shutil.which('cc'))"
    )
    assert run(*PODMAN, "run", "--rm", *LIMITS, "--entrypoint", "python", image, "-c", code) == "[] None"


def test_answers(image, model, jpeg):
    """As in this process, by both protocols; with the page, and with metrics."""
    config = ServeConfig(models=(str(model),), workers=1)
    service = InferenceService(load_model(config), config)
    expected = service.answer_image(jpeg)
    service.close()
    with running(image, model) as (name, url):
        answer = httpx.post(f"{url}/v1/predict", files={"file": ("a.jpg", jpeg)}, timeout=60).json()
        assert answer["model"]["version"] == expected["model"]["version"] and answer["verdict"] == expected["verdict"]
        assert answer["probability"] == pytest.approx(expected["probability"], abs=1e-4)
        assert httpx.post(f"{url}/v1/predict", files={"file": ("a.jpg", b"no picture")}, timeout=60).status_code == 415
        assert "<html" in httpx.get(f"{url}/", timeout=60).text.lower()
        wait_for(lambda: answers(f"{url}/v2/health/ready"))  # the serving graph is built in the background
        metadata = httpx.get(f"{url}/v2/models/detector", timeout=60)
        assert metadata.is_success and metadata.json()["name"] == "detector"
        metrics = httpx.get(f"{url}/metrics", timeout=60).text
        assert 'aletheia_requests_total{route="/v1/predict",status="200"} 1.0' in metrics
        run(*PODMAN, "exec", name, "python", "-c", "import aletheia.cli.alert_watch")  # compose watches with it


def test_sigterm_loses_no_answer(image, model, jpeg):
    codes, refused = [], threading.Event()

    def ask(url: str) -> None:
        while not refused.is_set():
            try:
                codes.append(httpx.post(f"{url}/v1/predict", files={"file": ("a.jpg", jpeg)}, timeout=60).status_code)
            except httpx.ConnectError:  # not accepted, so nothing was lost
                refused.set()

    with running(image, model) as (name, url):
        callers = [threading.Thread(target=ask, args=(url,)) for _ in range(4)]
        for caller in callers:
            caller.start()
        wait_for(lambda: len(codes) >= 20)
        run(*PODMAN, "stop", "--time", "60", name)
        for caller in callers:
            caller.join()
        assert json.loads(run(*PODMAN, "inspect", name))[0]["State"]["ExitCode"] == 0
    assert set(codes) <= {200, 503} and codes.count(200) >= 20


def test_registry(image, tmp_path):
    """Pushed and pulled again, it is the same image."""
    port = free_port()
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (tmp_path / "registry.yml").write_text(json.dumps(settings))
    remote = f"127.0.0.1:{port}/aletheia-serving:test"
    with subprocess.Popen(
        ["docker-registry", "serve", tmp_path / "registry.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as registry:
        try:
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/v2/"))
            run("podman", "push", "--quiet", "--tls-verify=false", image, remote)
            run("podman", "pull", "--quiet", "--tls-verify=false", remote)
            numbers = {json.loads(run("podman", "image", "inspect", name))[0]["Id"] for name in (image, remote)}
            assert len(numbers) == 1
        finally:
            registry.terminate()
            subprocess.run(["podman", "rmi", remote], capture_output=True, check=False)
