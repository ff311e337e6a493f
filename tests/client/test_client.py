"""Asking from Python: the same answers from a model here and from a service."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.client import Detector, holds_video
from aletheia.core.errors import InputError
from aletheia.inference.predictor import Predictor
from aletheia.inference.video import predict_video


@pytest.fixture(scope="module")
def local(bundle) -> Detector:
    return Detector(bundle)


@pytest.fixture(scope="module")
def url(served) -> str:
    return str(served.client.base_url)


@pytest.fixture(scope="module")
def remote(url):
    with Detector(url) as detector:
        yield detector


def plain(answer) -> dict:
    """As numbers, words and lists."""

    def told(value):
        if isinstance(value, dict):
            return {key: told(one) for key, one in value.items()}
        return [told(one) for one in value] if isinstance(value, list | tuple) else value

    return told(answer.to_dict())


def test_pictures_get_the_same_answer_here_and_there(local, remote, bundle, jpeg, portraits, tmp_path):
    (tmp_path / "picture.jpg").write_bytes(jpeg)
    (tmp_path / "picture.mp4").write_bytes(jpeg)
    wanted = Predictor(bundle).predict(jpeg)
    assert wanted.faces
    for source in (jpeg, tmp_path / "picture.jpg", str(tmp_path / "picture.jpg"), tmp_path / "picture.mp4"):
        assert plain(local.predict(source)) == plain(remote.predict(source)) == plain(wanted)
    several = np.hstack([portraits[i][0] for i in range(3)])
    for pixels in (several, np.full((90, 120, 3), 80, np.uint8), several.astype(np.int64)):
        assert plain(local.predict(pixels)) == plain(remote.predict(pixels))
    assert len(remote.predict(several).faces) == 3
    assert remote.predict(np.zeros((60, 60, 3), np.uint8)).verdict == "no face found"


def test_videos_too(local, remote, bundle, clip, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(clip)
    (tmp_path / "clip.dat").write_bytes(clip)
    wanted = predict_video(Predictor(bundle), tmp_path / "clip.mp4", frames=5)
    assert wanted.frames == 5 and wanted.people
    for source in (clip, tmp_path / "clip.mp4", tmp_path / "clip.dat"):
        assert plain(local.predict(source, frames=5)) == plain(remote.predict(source, frames=5)) == plain(wanted)
    assert plain(local.predict(clip)) == plain(remote.predict(clip))
    assert local.predict(clip, aggregation="upper_quantile").aggregation == "upper_quantile"
    with pytest.raises(InputError, match="as its model says"):
        remote.predict(clip, aggregation="upper_quantile")
    for detector in (local, remote):
        with pytest.raises(InputError, match="0 frames"):
            detector.predict(clip, frames=0)
    with pytest.raises(InputError, match="65 frames"):
        remote.predict(clip, frames=65)


def test_no_job_is_left_behind(served, remote, clip):
    remote.predict(clip, frames=2)
    assert not served.app.state.jobs._jobs


def test_abstentions_come_with_their_reason(serving, with_rules, jpeg):
    folder = with_rules(min_face=2000)
    with serving(models=(str(folder),)) as running, Detector(str(running.client.base_url)) as remote:
        told, wanted = remote.predict(jpeg), Detector(folder).predict(jpeg)
    assert told.verdict == "cannot tell" and "too small" in told.reason
    assert plain(told) == plain(wanted)


@pytest.mark.parametrize(
    "source",
    [b"", b"no picture", b"\xff\xd8\xff" + bytes(99), b"\0\0\0\x20ftypisom" + bytes(99), "nowhere.jpg", "nowhere.mp4"],
)
def test_what_cannot_be_read_is_an_answer(local, remote, source):
    for detector in (local, remote):
        answer = detector.predict(source)
        assert (answer.verdict, answer.probability) == ("error", None)
        assert answer.reason and (isinstance(source, bytes) or source in answer.reason)


def test_arrays_that_are_no_picture(local, remote):
    for pixels in (np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.full((4, 4, 3), 256)):
        assert plain(local.predict(pixels)) == plain(remote.predict(pixels))
        assert local.predict(pixels).verdict == "error"


def test_the_model_is_told(local, remote, served, bundle):
    spec = Predictor(bundle).spec
    for detector in (local, remote):
        assert detector.note.version == spec.weights_sha256[:12]
    assert local.note.uri == str(bundle)
    assert remote.note.uri == bundle.name  # where it lies is the service's own business
    with pytest.raises(dataclasses.FrozenInstanceError):
        local.note.uri = ""


def test_several_models_answer_as_one(bundle, with_rules, jpeg):
    both = Detector([bundle, with_rules()], weights=[1, 3])
    assert both.note.uri.count(" + ") == 1 and both.note.version != Detector(bundle).note.version
    assert both.predict(jpeg).probability == pytest.approx(Detector(bundle).predict(jpeg).probability, abs=2e-5)
    with pytest.raises(InputError, match="one weight for each"):
        Detector([bundle, bundle], weights=[1])


def test_a_busy_service_is_asked_again_when_it_says(serving, jpeg):
    with serving(workers=1, queue=0) as running:
        url, admission = str(running.client.base_url), running.app.state.service.admission
        with Detector(url) as patient, Detector(url, patience=0.2) as hasty, ThreadPoolExecutor(1) as pool:
            with admission.turn():
                with pytest.raises(InputError, match="try again"):
                    hasty.predict(jpeg)
                began = time.perf_counter()
                answer = pool.submit(patient.predict, jpeg)
                time.sleep(0.5)
            assert answer.result(30).probability is not None
            assert time.perf_counter() - began >= 1  # what Retry-After said
        assert 'kind="busy"} 2.0' in running.client.get("/metrics").text


def test_no_proxy_is_asked_for_this_machine(served, jpeg, monkeypatch):
    """It would get the key and the picture."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Detector(str(served.client.base_url), "key") as detector:
        assert detector.predict(jpeg).probability is not None


def test_a_job_is_asked_after_until_an_answer_comes(served, clip, monkeypatch):
    """One lost question must not end a video that is being looked at."""
    really, lost = httpx.Client.request, []

    def unreliable(client, method, url, **content):
        if method == "GET" and "/v1/jobs/" in str(url) and len(lost) < 2:
            lost.append(url)
            raise httpx.ConnectError("lost")
        return really(client, method, url, **content)

    with Detector(str(served.client.base_url)) as detector:
        monkeypatch.setattr(httpx.Client, "request", unreliable)
        assert detector.predict(clip, frames=2).frames == 2
        assert len(lost) == 2
    with Detector(str(served.client.base_url), patience=0.1) as hasty, pytest.raises(InputError, match="not answer"):
        lost.clear()
        hasty.predict(clip, frames=2)


def test_a_service_with_a_key(serving, jpeg, monkeypatch):
    with serving(api_key="open sesame") as running:
        url = str(running.client.base_url)
        for wrong in (None, "sesame"):
            with pytest.raises(InputError, match="key"):
                Detector(url, wrong)
        with Detector(url, "open sesame") as detector:
            assert detector.predict(jpeg).probability is not None
        monkeypatch.setenv("ALETHEIA_API_KEY", "open sesame")
        with Detector(url) as detector:
            assert detector.predict(jpeg).probability is not None


@contextlib.contextmanager
def stranger(status: int, body: bytes, **headers: str):
    """A server of somebody else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>welcome</html>"),
        (200, b"[]"),
        (200, b'{"models": []}'),
        (200, b'{"models": 3}'),
        (200, b'{"models": [{"a": 1}]}'),
        (404, b'{"detail": "Not Found"}'),
        (500, b'{"error": "no"}'),
        (302, b""),
    ],
)
def test_somebody_else_at_the_address(status, body):
    words = pytest.raises(InputError, match="not the language of `aletheia serve`")
    with stranger(status, body, Location="http://127.0.0.1:1/elsewhere") as url, words:
        Detector(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://127.0.0.1:99999", "http://[::1", "http://", "HTTP://a"])
def test_nobody_at_the_address(url):
    with pytest.raises(InputError, match="does not answer"):
        Detector(url)


def test_a_service_chooses_its_model_itself(url, bundle):
    for values in ({"weights": [1.0]}, {"precision": "bf16"}, {"model": [url, bundle]}):
        with pytest.raises(InputError, match="name the address alone"):
            Detector(**{"model": url, **values})


def test_the_command_asks_a_service(url, bundle, jpeg, clip, tmp_path):
    files = [tmp_path / "picture.jpg", tmp_path / "clip.mp4", tmp_path / "broken.png"]
    for file, content in zip(files, (jpeg, clip, b"no picture"), strict=True):
        file.write_bytes(content)
    names = [str(file) for file in files]
    here = CliRunner().invoke(app, ["predict", *names, "--model", str(bundle), "--json"])
    there = CliRunner().invoke(app, ["predict", *names, "--url", url, "--json"])
    assert here.exit_code == there.exit_code == 2, there.output
    first, second = ([json.loads(line) for line in told.stdout.splitlines()] for told in (here, there))
    assert [row["verdict"] for row in first] == [row["verdict"] for row in second]
    for one, other in zip(first[:2], second[:2], strict=True):
        assert {**one, "model": ""} == {**other, "model": ""}
    assert "broken.png" in first[2]["reason"] and "broken.png" in second[2]["reason"]
    both = CliRunner().invoke(app, ["predict", *names, "--url", url, "--model", str(bundle)])
    assert isinstance(both.exception, InputError) and "--model" in str(both.exception)
    ensemble = ["predict", names[0], "--model", str(bundle), "--model", str(bundle), "--weight", "1", "--weight", "2"]
    told = CliRunner().invoke(app, ensemble)
    assert told.exit_code == 0 and "probability of fake" in told.output


def test_what_is_taken_for_a_video(jpeg, clip, tmp_path):
    assert holds_video(clip) and not holds_video(jpeg)
    assert not holds_video(b"\0\0\0\x20ftypheic" + bytes(20)) and not holds_video(b"RIFF\0\0\0\0WEBP")
    assert holds_video(b"\x1a\x45\xdf\xa3") and holds_video(b"RIFF\0\0\0\0AVI LIST")
    (tmp_path / "unknown.mp4").write_bytes(b"something")
    assert holds_video(tmp_path / "unknown.mp4") and holds_video("nowhere.mkv") and not holds_video("nowhere\0.jpg")
    assert not holds_video(tmp_path)


def test_asking_a_service_imports_nothing_slow(url, jpeg, tmp_path):
    (tmp_path / "picture.jpg").write_bytes(jpeg)
    code = (
        "import sys; from aletheia.client import Detector\n"
        f"with Detector({url!r}) as detector: print(detector.predict({str(tmp_path / 'picture.jpg')!r}).verdict)\n"
        "assert not {'torch', 'mlrun', 'pandas', 'gradio', 'fastapi', 'onnxruntime'} & set(sys.modules), 'imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("real", "fake")


def test_pictures_as_the_client_sends_them_lose_nothing(remote, local, portraits):
    """An array whose answer hangs on single bits of its pixels."""
    rng = np.random.default_rng(0)
    noisy = np.clip(portraits[3][0] + rng.integers(-9, 10, portraits[3][0].shape), 0, 255).astype(np.uint8)
    lossy = cv2.imdecode(cv2.imencode(".jpg", noisy)[1], cv2.IMREAD_COLOR)
    assert remote.predict(noisy).probability == local.predict(noisy).probability != local.predict(lossy).probability
