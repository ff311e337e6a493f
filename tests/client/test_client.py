"""The Python client: the same answers from a model on this machine and from a service."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.client import Detector, holds_video
from aletheia.core.errors import InputError
from aletheia.inference.predictor import Predictor
from aletheia.inference.video import predict_video
from aletheia.lifecycle.experiments.assignment import TrafficSplit
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.models.spec import read_spec

from ..waiting import wait_for


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
    """Convert to JSON's types."""

    def convert(value):
        if isinstance(value, dict):
            return {key: convert(item) for key, item in value.items()}
        return [convert(item) for item in value] if isinstance(value, list | tuple) else value

    values = convert(answer.to_dict())
    values.pop("id", None)  # that of a service alone, and another each time
    return values


def test_note_on_other_kinds_alike_on_both_sides(local, remote, url, jpeg, tmp_path):
    """The bundle has no test for pictures of another kind; whoever asks a service should know, too."""
    assert local.note.kind_note.startswith("This model has no test for pictures of another kind")
    assert remote.note.kind_note == local.note.kind_note
    assert remote.note.device == local.note.device == "cpu"
    (tmp_path / "a.jpg").write_bytes(jpeg)
    answer = CliRunner().invoke(app, ["predict", str(tmp_path / "a.jpg"), "--url", url])
    assert answer.exit_code == 0 and local.note.kind_note in answer.stderr
    answer = CliRunner().invoke(app, ["predict", str(tmp_path / "a.jpg"), "--url", url, "--json"])
    assert json.loads(answer.stdout)["device"] == "cpu"


def test_predict_images_alike_on_both_sides(local, remote, bundle, jpeg, portraits, tmp_path):
    (tmp_path / "picture.jpg").write_bytes(jpeg)
    (tmp_path / "picture.mp4").write_bytes(jpeg)
    expected = Predictor(bundle).predict(jpeg)
    assert expected.faces
    for source in (jpeg, tmp_path / "picture.jpg", str(tmp_path / "picture.jpg"), tmp_path / "picture.mp4"):
        assert plain(local.predict(source)) == plain(remote.predict(source)) == plain(expected)
    several = np.hstack([portraits[i][0] for i in range(3)])
    for pixels in (several, np.full((90, 120, 3), 80, np.uint8), several.astype(np.int64)):
        assert plain(local.predict(pixels)) == plain(remote.predict(pixels))
    assert len(remote.predict(several).faces) == 3
    assert remote.predict(np.zeros((60, 60, 3), np.uint8)).verdict == "no face found"


@pytest.mark.slow
def test_predict_videos_alike_on_both_sides(local, remote, bundle, clip, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(clip)
    (tmp_path / "clip.dat").write_bytes(clip)
    expected = predict_video(Predictor(bundle), tmp_path / "clip.mp4", frames=5)
    assert expected.frames == 5 and expected.people
    for source in (clip, tmp_path / "clip.mp4", tmp_path / "clip.dat"):
        assert plain(local.predict(source, frames=5)) == plain(remote.predict(source, frames=5)) == plain(expected)
    assert plain(local.predict(clip)) == plain(remote.predict(clip))
    assert local.predict(clip, aggregation="upper_quantile").aggregation == "upper_quantile"
    with pytest.raises(InputError, match="as its model says"):
        remote.predict(clip, aggregation="upper_quantile")
    for detector in (local, remote):
        with pytest.raises(InputError, match="0 frames"):
            detector.predict(clip, frames=0)
    with pytest.raises(InputError, match="65 frames"):
        remote.predict(clip, frames=65)


def test_predict_leaves_no_job_behind(served, remote, clip):
    remote.predict(clip, frames=2)
    assert not served.app.state.jobs._jobs


def test_predict_abstentions_with_their_reason(serving, with_rules, jpeg):
    folder = with_rules(min_face=2000)
    with serving(models=(str(folder),)) as running, Detector(str(running.client.base_url)) as remote:
        answer, expected = remote.predict(jpeg), Detector(folder).predict(jpeg)
    assert answer.verdict == "cannot tell" and "too small" in answer.reason
    assert plain(answer) == plain(expected)


@pytest.mark.parametrize(
    "source",
    [b"", b"no picture", b"\xff\xd8\xff" + bytes(99), b"\0\0\0\x20ftypisom" + bytes(99), "nowhere.jpg", "nowhere.mp4"],
)
def test_predict_unreadable_files_are_answers(local, remote, source):
    for detector in (local, remote):
        answer = detector.predict(source)
        assert (answer.verdict, answer.probability) == ("error", None)
        assert answer.reason and (isinstance(source, bytes) or source in answer.reason)


def test_predict_arrays_that_are_no_image(local, remote):
    for pixels in (np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.full((4, 4, 3), 256)):
        assert plain(local.predict(pixels)) == plain(remote.predict(pixels))
        assert local.predict(pixels).verdict == "error"


def test_note_describes_the_model(local, remote, served, bundle):
    spec = Predictor(bundle).spec
    for detector in (local, remote):
        assert detector.note.version == spec.weights_sha256[:12]
    assert local.note.uri == str(bundle)
    assert remote.note.uri == bundle.name  # a service does not reveal its folders
    with pytest.raises(dataclasses.FrozenInstanceError):
        local.note.uri = ""


def test_detector_several_models_form_an_ensemble(bundle, with_rules, jpeg):
    both = Detector([bundle, with_rules()], weights=[1, 3])
    assert both.note.uri.count(" + ") == 1 and both.note.version != Detector(bundle).note.version
    assert both.predict(jpeg).probability == pytest.approx(Detector(bundle).predict(jpeg).probability, abs=2e-5)
    with pytest.raises(InputError, match="one weight for each"):
        Detector([bundle, bundle], weights=[1])


def test_retry_seconds_waits_for_a_busy_service(serving, jpeg):
    with serving(workers=1, queue=0) as running:
        url, admission = str(running.client.base_url), running.app.state.service.admission
        with Detector(url) as patient, Detector(url, retry_seconds=0.2) as hasty, ThreadPoolExecutor(1) as pool:
            with admission.turn():
                with pytest.raises(InputError, match="try again"):
                    hasty.predict(jpeg)
                began = time.perf_counter()
                answer = pool.submit(patient.predict, jpeg)
                wait_for(lambda: 'kind="busy"} 2.0' in running.client.get("/metrics").text)
            assert answer.result(30).probability is not None
            assert time.perf_counter() - began >= 1  # as Retry-After asked for


def test_detector_patience_is_deprecated(url):
    with pytest.warns(DeprecationWarning, match="retry_seconds") as caught:
        detector = Detector(url, patience=0.2)
    with detector, Detector(url, retry_seconds=0.2) as expected:
        assert vars(detector._model)["_retry_seconds"] == vars(expected._model)["_retry_seconds"] == 0.2
    assert caught[0].filename == __file__


def test_detector_api_key(serving, jpeg, monkeypatch):
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


def test_detector_service_chooses_its_model(url, bundle):
    for values in ({"weights": [1.0]}, {"precision": "bf16"}, {"model": [url, bundle]}):
        with pytest.raises(InputError, match="pass the address alone"):
            Detector(**{"model": url, **values})


def test_predict_command_uses_a_service(url, bundle, jpeg, clip, tmp_path):
    files = [tmp_path / "picture.jpg", tmp_path / "clip.mp4", tmp_path / "broken.png"]
    for file, content in zip(files, (jpeg, clip, b"no picture"), strict=True):
        file.write_bytes(content)
    names = [str(file) for file in files]
    here = CliRunner().invoke(app, ["predict", *names, "--model", str(bundle), "--json"])
    there = CliRunner().invoke(app, ["predict", *names, "--url", url, "--json"])
    assert here.exit_code == there.exit_code == 2, there.output
    first, second = ([json.loads(line) for line in result.stdout.splitlines()] for result in (here, there))
    assert [row["verdict"] for row in first] == [row["verdict"] for row in second]
    for row, other in zip(first[:2], second[:2], strict=True):
        assert len(other.pop("id")) == 32  # by which feedback refers to the answer of a service
        assert {**row, "model": ""} == {**other, "model": ""}
    assert "broken.png" in first[2]["reason"] and "broken.png" in second[2]["reason"]
    both = CliRunner().invoke(app, ["predict", *names, "--url", url, "--model", str(bundle)])
    assert isinstance(both.exception, InputError) and "--model" in str(both.exception)
    ensemble = ["predict", names[0], "--model", str(bundle), "--model", str(bundle), "--weight", "1", "--weight", "2"]
    result = CliRunner().invoke(app, ensemble)
    assert result.exit_code == 0 and "probability of fake" in result.output


def test_holds_video_by_content_then_name(jpeg, clip, tmp_path):
    assert holds_video(clip) and not holds_video(jpeg)
    assert not holds_video(b"\0\0\0\x20ftypheic" + bytes(20)) and not holds_video(b"RIFF\0\0\0\0WEBP")
    assert holds_video(b"\x1a\x45\xdf\xa3") and holds_video(b"RIFF\0\0\0\0AVI LIST")
    (tmp_path / "unknown.mp4").write_bytes(b"something")
    assert holds_video(tmp_path / "unknown.mp4") and holds_video("nowhere.mkv") and not holds_video("nowhere\0.jpg")
    assert not holds_video(tmp_path)


def test_detector_of_a_service_imports_nothing_slow(url, jpeg, tmp_path):
    (tmp_path / "picture.jpg").write_bytes(jpeg)
    code = (
        "import sys; from aletheia.client import Detector\n"
        f"with Detector({url!r}) as detector: print(detector.predict({str(tmp_path / 'picture.jpg')!r}).verdict)\n"
        "assert not {'torch', 'mlrun', 'pandas', 'gradio', 'fastapi', 'onnxruntime'} & set(sys.modules), 'imported'\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() in ("real", "fake")


def test_predict_array_is_sent_without_loss(remote, local, portraits):
    """The answer for this array depends on single bits of its pixels."""
    rng = np.random.default_rng(0)
    noisy = np.clip(portraits[3][0] + rng.integers(-9, 10, portraits[3][0].shape), 0, 255).astype(np.uint8)
    lossy = cv2.imdecode(cv2.imencode(".jpg", noisy)[1], cv2.IMREAD_COLOR)
    assert remote.predict(noisy).probability == local.predict(noisy).probability != local.predict(lossy).probability


def test_predict_several_at_once_in_order(local, remote, jpeg, clip, portraits, tmp_path):
    (tmp_path / "picture.jpg").write_bytes(jpeg)
    blank = np.full((60, 60, 3), 90, np.uint8)
    sources = [tmp_path / "picture.jpg", jpeg, blank, Image.fromarray(portraits[1][0]), tmp_path / "missing.jpg"]
    for detector in (local, remote):
        answers = detector.predict(sources)
        assert [plain(answer) for answer in answers] == [plain(detector.predict(source)) for source in sources]
        assert [answer.verdict for answer in answers[2::2]] == ["no face found", "error"]
        batch = np.stack([portraits[0][0], portraits[1][0]])
        assert [plain(a) for a in detector.predict(batch)] == [plain(detector.predict(pixels)) for pixels in batch]
        assert detector.predict([]) == []


def test_predict_options_alike_on_both_sides(local, remote, jpeg, clip):
    options = {"threshold": 0.9, "use_calibration": False}
    for source in (jpeg, clip):
        assert plain(local.predict(source, **options)) == plain(remote.predict(source, **options))
        assert plain(local.predict(source, **options)) != plain(local.predict(source))
    here, there = (detector.predict(jpeg[:-2], crops=True) for detector in (local, remote))
    assert here.notes == there.notes != ()
    np.testing.assert_array_equal(here.crops, there.crops)
    assert len(here.crops) == 1
    for detector in (local, remote):
        with pytest.raises(InputError, match="from 0 to 1"):
            detector.predict(jpeg, threshold=2)


def test_key_chooses_the_model_in_a_split(serving, two_bundles, jpeg, clip, tmp_path):
    """One key gets the same model for every picture and video; without a key the picture decides."""
    first, second = map(str, two_bundles)
    rule = TrafficSplit(0.5, read_spec(two_bundles[1]).weights_sha256)
    log = tmp_path / "log.sqlite"
    pictures = [jpeg + bytes([number]) for number in range(4)]  # other bytes, the same picture
    keys = ["ann", "session 42", "Jürgen", "dora"]
    experiment = {"challenger": second, "split": 0.5, "prediction_log": str(log)}
    with serving(models=(first,), **experiment) as running, Detector(str(running.client.base_url)) as detector:
        by_key = {key: detector.predict(pictures, key=key) for key in keys}
        films = {key: detector.predict(clip, key=key) for key in keys[:2]}
        without = [detector.predict(picture) for picture in pictures]
        for wrong in ("", " ann", "a\nb", "x" * 1001):
            with pytest.raises(InputError, match="A key is a printable text"):
                detector.predict(jpeg, key=wrong)
    roles = read_log(log).set_index("id")["role"]
    for key, answers in by_key.items():
        assert {roles[answer.id] for answer in answers} == {rule.role([key.encode()])}, key
    assert len({rule.role([key.encode()]) for key in keys}) == 2, "the keys of this test draw both models"
    assert all(roles[film.id] == rule.role([key.encode()]) for key, film in films.items())
    assert [roles[answer.id] for answer in without] == [rule.role([picture]) for picture in pictures]


def test_key_is_for_a_service(local, jpeg):
    with pytest.raises(InputError, match="a model on this machine answers alone"):
        local.predict(jpeg, key="ann")
