"""Pictures in, verdicts out."""

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
from aletheia.inference.predictor import Predictor
from aletheia.inference.timing import Stages
from aletheia.inference.video import judge_frames, predict_video
from aletheia.models.bundle import load_bundle
from aletheia.models.onnx_network import ENGINES
from aletheia.models.spec import read_spec, write_spec
from aletheia.models.verdict import UNCUT


@pytest.fixture(scope="module")
def predictor(bundle) -> Predictor:
    return Predictor(bundle)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_probability_is_that_of_the_network_on_the_crop(predictor, bundle, portraits):
    """The whole way by hand: detect, crop, resize, normalise, network, calibration."""
    picture = portraits[0][0]
    network, spec = load_bundle(bundle)
    (face,) = BlazeFace().detect(picture)
    crop = crop_face(picture, face, 64, margin=0.25, policy="scale")
    small = cv2.resize(crop, (48, 48), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    x = (small - np.float32(spec.mean)) / np.float32(spec.std)
    with torch.no_grad():
        logit = network(torch.from_numpy(x.transpose(2, 0, 1))[None]).item()
    wanted = 1 / (1 + np.exp(-(1.7 * logit - 0.3)))
    answer = predictor.predict(picture)
    assert answer.probability == pytest.approx(wanted, abs=1e-4)
    assert answer.verdict == ("fake" if wanted >= 0.4 else "real")
    assert answer.faces[0].box == pytest.approx(face.box, abs=0.05)


def test_file_bytes_and_pixels_give_the_same_answer(predictor, portraits, tmp_path):
    picture = portraits[1][0]
    (tmp_path / "picture.png").write_bytes(png(picture))
    answers = [predictor.predict(form) for form in (picture, png(picture), tmp_path / "picture.png")]
    assert answers[0].probability is not None
    assert answers[1] == answers[0] and answers[2] == answers[0]


def test_every_face_has_its_own_score_and_the_worst_decides(predictor, portraits):
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
def test_no_number_is_no_verdict(numberless, portraits, clip, tmp_path, engine):
    """NaN compares as smaller than any threshold: it must not become "real"."""
    predictor = Predictor(numberless, engine=engine)
    (tmp_path / "clip.mp4").write_bytes(clip)
    for answer in (predictor.predict(portraits[0][0]), predict_video(predictor, tmp_path / "clip.mp4", frames=1)):
        assert (answer.verdict, answer.probability) == ("error", None)
        assert "gives no number" in answer.reason


@pytest.mark.parametrize("rules", [True, False])
def test_a_face_that_cannot_be_cut_out_costs_the_others_nothing(with_rules, portraits, monkeypatch, rules):
    """The model takes aligned faces; the keypoints of one of two lie in one place."""
    changes = {"crop": CropConfig(size=64, policy="aligned", margin=0.25), **({} if rules else {"abstention": None})}
    predictor = Predictor(with_rules(changes, reencode=100.0))
    upright = Predictor(with_rules({"abstention": None}))
    picture = np.hstack([portraits[0][0], portraits[1][0]])
    faces, wanted = predictor.detector.detect(picture), predictor.predict(picture)
    for place in (0, 1):
        spoilt = list(faces)
        spoilt[place] = dataclasses.replace(faces[place], keypoints=np.full((6, 2), 40, np.float32))
        monkeypatch.setattr(predictor.detector, "detect", lambda rgb, check, found=spoilt: found)
        answer = predictor.predict(picture)
        assert answer.faces[1 - place] == wanted.faces[1 - place]
        lost = answer.faces[place]
        assert (lost.verdict, lost.cause) == ("cannot tell", UNCUT) and "keypoints coincide" in lost.reason
        assert lost.probability == pytest.approx(upright.predict(picture).faces[place].probability, abs=1e-4)
        assert answer.verdict == ("fake" if answer.faces[1 - place].verdict == "fake" else "cannot tell")
        seen = [predictor.detect_and_score(picture)] * 3
        people = judge_frames(predictor, [0.0, 1.0, 2.0], seen).people
        assert [person.cause == UNCUT for person in people] == [place == k for k in range(2)]
        # Frames in which the face could be cut out are enough.
        seen = [[dataclasses.replace(one, uncut="") for one in seen[0]], *seen[1:]]
        assert all(person.cause != UNCUT for person in judge_frames(predictor, [0.0, 1.0, 2.0], seen).people)


@pytest.mark.parametrize(
    ("crop", "words", "advice"),
    [
        ({"policy": "none"}, "nothing says how they were cut out", "aletheia run"),
        ({"margin": 3.0}, "margin: .*less than or equal to 2", "model.json"),
    ],
)
def test_a_model_that_cannot_cut_faces_out_is_refused_at_once(with_rules, crop, words, advice):
    folder = with_rules({"crop": CropConfig(size=64, margin=2.0)})
    values = json.loads((folder / "model.json").read_bytes())
    values["crop"] |= crop
    (folder / "model.json").write_text(json.dumps(values))
    for start in (Predictor, lambda bundle: open_predictor([bundle, bundle])):
        with pytest.raises(InputError, match=words) as told:
            start(folder)
        assert str(folder) in str(told.value) and advice in str(told.value)


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


def test_the_time_is_up_between_tiles(predictor, monkeypatch):
    """A search that would take minutes is left."""
    stages, looked = Stages(limit=60.0), []
    slow = predictor.detector._full
    monkeypatch.setattr(predictor.detector, "_full", lambda rgb: looked.append(1) or slow(rgb))
    monkeypatch.setattr(stages, "left", lambda: 3.5 - len(looked))
    with pytest.raises(RequestError, match="took longer than 60 seconds"):
        predictor.detect_and_score(np.full((2000, 3000, 3), 90, np.uint8), stages)
    assert len(looked) == 4


def test_no_face_is_an_answer(predictor):
    answer = predictor.predict(np.full((200, 300, 3), 90, np.uint8))
    assert (answer.verdict, answer.probability, answer.faces) == ("no face found", None, ())
    assert "no face" in answer.reason


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (b"", "empty"),
        (b"GIF89a but no more", "damaged"),
        (np.zeros((10, 10), np.uint8), "shape"),
        (np.zeros((0, 4, 3), np.uint8), "shape"),
        (np.full((8, 8, 3), -1), "0 to 255"),
    ],
    ids=["empty", "broken", "grey", "nothing", "negative"],
)
def test_what_is_no_picture_is_an_answer_too(predictor, picture, words):
    answer = predictor.predict(picture)
    assert (answer.verdict, answer.probability) == ("error", None)
    assert words in answer.reason


def test_a_file_that_is_not_there(predictor, tmp_path):
    assert "nowhere.jpg" in predictor.predict(tmp_path / "nowhere.jpg").reason


def test_a_bundle_that_was_changed_is_refused(bundle, tmp_path):
    for file in bundle.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = bytearray((tmp_path / "model.onnx").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.onnx").write_bytes(weights)
    with pytest.raises(InputError, match=r"model\.onnx"):
        Predictor(tmp_path)


def test_threads_get_the_answers_of_one_alone(predictor, portraits):
    pictures = [picture for picture, *_ in portraits[:6]]
    alone = [predictor.predict(picture) for picture in pictures]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(predictor.predict, pictures * 2))
    for answer, wanted in zip(together, alone * 2, strict=True):
        assert answer.probability == pytest.approx(wanted.probability, abs=1e-6)
        assert [face.box for face in answer.faces] == [face.box for face in wanted.faces]


def test_both_engines_agree(bundle, portraits):
    first, second = (Predictor(bundle, engine=engine, threads=1) for engine in ("onnxruntime", "openvino"))
    for picture, *_ in portraits[:3]:
        assert first.predict(picture).probability == pytest.approx(second.predict(picture).probability, abs=1e-4)


def test_nothing_slow_is_imported_for_an_answer(bundle, portraits, tmp_path):
    (tmp_path / "picture.png").write_bytes(png(portraits[0][0]))
    code = (
        "import sys; from aletheia.cli import main\n"
        "try: main()\n"
        "finally: assert not {'torch', 'mlrun', 'matplotlib', 'pandas', 'onnx'} & set(sys.modules), 'imported'\n"
    )
    command = [sys.executable, "-c", code, "predict", str(tmp_path / "picture.png"), "--model", str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "probability of fake" in done.stdout


def test_a_model_without_onnx_gets_it_by_command(bundle, portraits, tmp_path):
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
    told = CliRunner().invoke(app, ["models", "export", str(model), "--faces", str(faces)])
    assert told.exit_code == 0, told.output
    assert "on 3 faces" in told.output
    picture = portraits[4][0]
    assert Predictor(model).predict(picture).probability == pytest.approx(
        Predictor(bundle).predict(picture).probability, abs=1e-4
    )


def test_int8_is_added_by_command_and_then_offered(bundle, portraits, tmp_path):
    model, faces, picture = tmp_path / "model", tmp_path / "faces", tmp_path / "picture.png"
    shutil.copytree(bundle, model)
    faces.mkdir()
    for index in range(6):
        (faces / f"{index}.png").write_bytes(png(portraits[index][0]))
    picture.write_bytes(png(portraits[7][0]))
    ask = ["predict", str(picture), "--model", str(model), "--json", "--precision", "int8"]
    refused = CliRunner().invoke(app, ask)
    assert isinstance(refused.exception, InputError) and "--int8" in str(refused.exception)
    told = CliRunner().invoke(app, ["models", "export", str(model), "--faces", str(faces), "--int8"])
    assert told.exit_code == 0, told.output
    assert "of 3 verdicts" in told.output
    answered = CliRunner().invoke(app, ask)
    assert answered.exit_code == 0, answered.output
    fewer = json.loads(answered.stdout)["probability"]
    exact = Predictor(model).predict(picture).probability
    assert fewer != exact and fewer == pytest.approx(exact, abs=0.1)
