"""Predictions for pictures."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.faces import register_detector
from aletheia.faces.crop import crop_face
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.detectors import registry
from aletheia.faces.detectors.blazeface import BlazeFace
from aletheia.inference.ensemble import open_predictor
from aletheia.inference.errors import RequestError
from aletheia.inference.options import PredictOptions
from aletheia.inference.predictor import Predictor
from aletheia.inference.timing import Stages
from aletheia.inference.video import decide_video, predict_video
from aletheia.models.bundle import load_bundle
from aletheia.models.onnx_network import ENGINES
from aletheia.models.preprocessing import network_input
from aletheia.models.spec import read_spec, write_spec
from aletheia.models.verdict import UNCUT

from ..waiting import PATIENCE


@pytest.fixture(scope="module")
def predictor(bundle) -> Predictor:
    return Predictor(bundle)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_predict_equals_steps_by_hand(predictor, bundle, portraits):
    """The whole way by hand: detect, crop, resize, normalise, network, calibration."""
    picture = portraits[0][0]
    network, spec = load_bundle(bundle)
    (face,) = BlazeFace().detect(picture)
    crop = crop_face(picture, face, 64, margin=0.25, policy="scale")
    small = cv2.resize(crop, (48, 48), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    x = (small - np.float32(spec.mean)) / np.float32(spec.std)
    with torch.no_grad():
        logit = network(torch.from_numpy(x.transpose(2, 0, 1))[None]).item()
    expected = 1 / (1 + np.exp(-(1.7 * logit - 0.3)))
    answer = predictor.predict(picture)
    assert answer.probability == pytest.approx(expected, abs=1e-4)
    assert answer.verdict == ("fake" if expected >= 0.4 else "real")
    assert answer.faces[0].box == pytest.approx(face.box, abs=0.05)


def test_predict_input_forms(predictor, portraits, tmp_path):
    picture = portraits[1][0]
    (tmp_path / "picture.png").write_bytes(png(picture))
    answers = [predictor.predict(form) for form in (picture, png(picture), tmp_path / "picture.png")]
    assert answers[0].probability is not None
    assert answers[1] == answers[0] and answers[2] == answers[0]


def test_predict_several_faces(predictor, portraits):
    pictures = [portraits[i][0] for i in range(4)]
    alone = [predictor.predict(picture) for picture in pictures]
    together = predictor.predict(np.vstack([np.hstack(pictures[:2]), np.hstack(pictures[2:])]))
    assert len(together.faces) == 4
    assert together.probability == max(face.probability for face in together.faces)
    assert together.verdict == ("fake" if together.probability >= 0.4 else "real")
    corners = {(int(face.box[0] > 200), int(face.box[1] > 200)): face.probability for face in together.faces}
    for answer, corner in zip(alone, [(0, 0), (1, 0), (0, 1), (1, 1)], strict=True):
        assert corners[corner] == pytest.approx(answer.probability, abs=0.1)
    assert predictor.predict(np.vstack([np.hstack(pictures[:2]), np.hstack(pictures[2:])])) == together


@pytest.mark.parametrize("engine", ENGINES)
def test_predict_non_finite_output(numberless, portraits, clip, tmp_path, engine):
    """NaN compares as smaller than any threshold: it must not become "real"."""
    predictor = Predictor(numberless, engine=engine)
    (tmp_path / "clip.mp4").write_bytes(clip)
    for answer in (predictor.predict(portraits[0][0]), predict_video(predictor, tmp_path / "clip.mp4", frames=1)):
        assert (answer.verdict, answer.probability) == ("error", None)
        assert "gives no number" in answer.reason


@pytest.mark.parametrize("rules", [True, False])
def test_predict_uncut_face(with_rules, portraits, monkeypatch, rules):
    """The model takes aligned faces; the keypoints of one of the two faces coincide."""
    changes = {"crop": CropConfig(size=64, policy="aligned", margin=0.25), **({} if rules else {"abstention": None})}
    predictor = Predictor(with_rules(changes, reencode=100.0))
    upright = Predictor(with_rules({"abstention": None}))
    picture = np.hstack([portraits[0][0], portraits[1][0]])
    faces, expected = predictor.detector.detect(picture), predictor.predict(picture)
    for index in (0, 1):
        spoilt = list(faces)
        spoilt[index] = dataclasses.replace(faces[index], keypoints=np.full((6, 2), 40, np.float32))
        monkeypatch.setattr(predictor.detector, "detect", lambda rgb, check, faces=spoilt: faces)
        answer = predictor.predict(picture)
        assert answer.faces[1 - index] == expected.faces[1 - index]
        lost = answer.faces[index]
        assert (lost.verdict, lost.cause) == ("cannot tell", UNCUT) and "keypoints coincide" in lost.reason
        assert lost.probability == pytest.approx(upright.predict(picture).faces[index].probability, abs=1e-4)
        assert answer.verdict == ("fake" if answer.faces[1 - index].verdict == "fake" else "cannot tell")
        evidence = [predictor.detect_and_score(picture)] * 3
        people = decide_video(predictor, [0.0, 1.0, 2.0], evidence).people
        assert [person.cause == UNCUT for person in people] == [index == k for k in range(2)]
        # Frames in which the face could be cut out are enough.
        evidence = [[dataclasses.replace(face, uncut="") for face in evidence[0]], *evidence[1:]]
        assert all(person.cause != UNCUT for person in decide_video(predictor, [0.0, 1.0, 2.0], evidence).people)


@pytest.mark.parametrize(
    ("crop", "message", "advice"),
    [
        ({"policy": "none"}, "nothing says how they were cut out", "aletheia run"),
        ({"margin": 3.0}, "margin: .*less than or equal to 2", "model.json"),
    ],
)
def test_predictor_without_usable_crop(with_rules, crop, message, advice):
    folder = with_rules({"crop": CropConfig(size=64, margin=2.0)})
    values = json.loads((folder / "model.json").read_bytes())
    values["crop"] |= crop
    (folder / "model.json").write_text(json.dumps(values))
    for start in (Predictor, lambda bundle: open_predictor([bundle, bundle])):
        with pytest.raises(InputError, match=message) as raised:
            start(folder)
        assert str(folder) in str(raised.value) and advice in str(raised.value)


def test_predictor_detects_as_the_model_says(with_rules, portraits):
    @register_detector("upper-left")
    class UpperLeft(BlazeFace):
        def detect(self, rgb, check=None):
            return super().detect(np.ascontiguousarray(rgb[:256, :256]), check)

    try:
        crop = CropConfig(size=64, margin=0.25, detector="upper-left", threshold=0.5)
        predictor = Predictor(with_rules({"crop": crop}))
        assert isinstance(predictor.detector, UpperLeft) and predictor.detector.threshold == 0.5
        picture = np.hstack([portraits[0][0], portraits[1][0]])
        assert len(predictor.predict(picture).faces) == 1
        assert len(Predictor(with_rules({"crop": CropConfig(size=64, margin=0.25)})).predict(picture).faces) == 2
    finally:
        registry._REGISTRY.unregister("upper-left")
    with pytest.raises(InputError, match="no face detector 'upper-left'"):
        Predictor(with_rules({"crop": crop}))


def test_detect_and_score_timeout(predictor, monkeypatch):
    """A search that would take minutes is abandoned between two tiles."""
    stages, searched = Stages(limit=60.0), []
    slow = predictor.detector._full
    monkeypatch.setattr(predictor.detector, "_full", lambda rgb: searched.append(1) or slow(rgb))
    monkeypatch.setattr(stages, "left", lambda: 3.5 - len(searched))
    with pytest.raises(RequestError, match="took longer than 60 seconds"):
        predictor.detect_and_score(np.full((2000, 3000, 3), 90, np.uint8), stages)
    assert len(searched) == 4


def test_predict_no_face(predictor):
    answer = predictor.predict(np.full((200, 300, 3), 90, np.uint8))
    assert (answer.verdict, answer.probability, answer.faces) == ("no face found", None, ())
    assert "no face" in answer.reason


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (b"", "empty"),
        (b"GIF89a but no more", "damaged"),
        (np.zeros((10, 10), np.uint8), "shape"),
        (np.zeros((0, 4, 3), np.uint8), "shape"),
        (np.full((8, 8, 3), -1), "0 to 255"),
    ],
    ids=["empty", "broken", "grey", "nothing", "negative"],
)
def test_predict_invalid_picture(predictor, picture, message):
    answer = predictor.predict(picture)
    assert (answer.verdict, answer.probability) == ("error", None)
    assert message in answer.reason


def test_predict_missing_file(predictor, tmp_path):
    assert "nowhere.jpg" in predictor.predict(tmp_path / "nowhere.jpg").reason


def test_predictor_changed_bundle(bundle, tmp_path):
    for file in bundle.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = bytearray((tmp_path / "model.onnx").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.onnx").write_bytes(weights)
    with pytest.raises(InputError, match=r"model\.onnx"):
        Predictor(tmp_path)


def test_predict_shared_by_threads(predictor, portraits):
    pictures = [picture for picture, *_ in portraits[:6]]
    alone = [predictor.predict(picture) for picture in pictures]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(predictor.predict, pictures * 2))
    for answer, expected in zip(together, alone * 2, strict=True):
        assert answer.probability == pytest.approx(expected.probability, abs=1e-6)
        assert [face.box for face in answer.faces] == [face.box for face in expected.faces]


def test_predict_engines_agree(bundle, portraits):
    first, second = (Predictor(bundle, engine=engine, threads=1) for engine in ("onnxruntime", "openvino"))
    for picture, *_ in portraits[:3]:
        assert first.predict(picture).probability == pytest.approx(second.predict(picture).probability, abs=1e-4)


def test_predict_command_imports_nothing_slow(bundle, portraits, tmp_path):
    (tmp_path / "picture.png").write_bytes(png(portraits[0][0]))
    code = (
        "import sys; from aletheia.cli import main\n"
        "try: main()\n"
        "finally: assert not {'torch', 'mlrun', 'matplotlib', 'pandas', 'onnx'} & set(sys.modules), 'imported'\n"
    )
    command = [sys.executable, "-c", code, "predict", str(tmp_path / "picture.png"), "--model", str(bundle)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert process.returncode == 0, process.stderr
    assert "probability of fake" in process.stdout


def test_models_export_command(bundle, portraits, tmp_path):
    model, faces = tmp_path / "model", tmp_path / "faces"
    shutil.copytree(bundle, model)
    (model / "model.onnx").unlink()
    write_spec(model, read_spec(model).model_copy(update={"onnx": None}))
    with pytest.raises(InputError, match="aletheia models export"):
        Predictor(model)
    faces.mkdir()
    (faces / "broken.png").write_bytes(b"no picture")
    refused = CliRunner().invoke(app, ["models", "export", str(model), "--faces", str(faces)])
    assert isinstance(refused.exception, InputError)
    for index in range(3):
        (faces / f"{index}.png").write_bytes(png(portraits[index][0]))
    result = CliRunner().invoke(app, ["models", "export", str(model), "--faces", str(faces)])
    assert result.exit_code == 0, result.output
    assert "on 3 faces" in result.output
    picture = portraits[4][0]
    assert Predictor(model).predict(picture).probability == pytest.approx(
        Predictor(bundle).predict(picture).probability, abs=1e-4
    )


def test_models_export_command_int8(bundle, portraits, tmp_path):
    model, faces, picture = tmp_path / "model", tmp_path / "faces", tmp_path / "picture.png"
    shutil.copytree(bundle, model)
    faces.mkdir()
    for index in range(6):
        (faces / f"{index}.png").write_bytes(png(portraits[index][0]))
    picture.write_bytes(png(portraits[7][0]))
    command = ["predict", str(picture), "--model", str(model), "--json", "--precision", "int8"]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, InputError) and "--int8" in str(refused.exception)
    result = CliRunner().invoke(app, ["models", "export", str(model), "--faces", str(faces), "--int8"])
    assert result.exit_code == 0, result.output
    assert "of 3 verdicts" in result.output
    answered = CliRunner().invoke(app, command)
    assert answered.exit_code == 0, answered.output
    reduced = json.loads(answered.stdout)["probability"]
    exact = Predictor(model).predict(picture).probability
    assert reduced != exact and reduced == pytest.approx(exact, abs=0.1)


def test_predict_crops_and_notes(predictor, bundle, portraits, jpeg):
    answer = predictor.predict(portraits[0][0], PredictOptions(crops=True))
    (face,) = BlazeFace().detect(portraits[0][0])
    np.testing.assert_array_equal(answer.crops[0], network_input(portraits[0][0], face, read_spec(bundle)))
    assert predictor.predict(portraits[0][0]).crops == ()
    assert predictor.predict(jpeg[:-2]).notes == ("The end of the file is missing; all of the picture is there.",)
    assert predictor.predict(jpeg).notes == ()


def test_predict_pil_image_as_its_file(predictor, portraits):
    turned = Image.fromarray(np.rot90(portraits[0][0]).copy())
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    turned.save(buffer, "PNG", exif=exif)
    upright = predictor.predict(portraits[0][0])
    assert predictor.predict(Image.open(io.BytesIO(buffer.getvalue()))) == upright
    assert predictor.predict(Image.fromarray(portraits[0][0]).convert("RGBA")) == upright
    assert "truncated" in predictor.predict(Image.open(io.BytesIO(buffer.getvalue()[:3000]))).reason
