"""Pictures in, verdicts out."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from aletheia.errors import InputError
from aletheia.faces.crop import crop_face
from aletheia.faces.detector import BlazeFace
from aletheia.models.bundle import load_bundle
from aletheia.serving.engine import Predictor


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
    weights = bytearray((tmp_path / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(weights)
    with pytest.raises(InputError, match="safetensors"):
        Predictor(tmp_path)
