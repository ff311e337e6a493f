"""Predictors that answer "cannot tell", and their reasons."""

from __future__ import annotations

import hashlib
import json
import shutil

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.faces.detectors.blazeface import BlazeFace
from aletheia.inference.ensemble import open_predictor
from aletheia.inference.predictor import Predictor
from aletheia.inference.video import predict_video
from aletheia.models.calibration_map import Calibration
from aletheia.models.model_files import TYPICAL
from aletheia.models.preprocessing import network_input
from aletheia.models.reencoding import reencoded_inputs
from aletheia.models.spec import TypicalSpec
from aletheia.models.typical_faces import face_features, fit_typical, write_typical
from aletheia.models.verdict import crop_statistics
from aletheia.serving.protocol import encode_outputs


@pytest.fixture(scope="module")
def plain(bundle) -> Predictor:
    return Predictor(bundle)


@pytest.fixture(scope="module")
def logits(plain, portraits) -> np.ndarray:
    """(8, 3): of each portrait's face, and of its two re-encodings, by hand."""
    return np.array([three_logits(plain, picture) for picture, _ in portraits])


def three_logits(plain: Predictor, picture: np.ndarray) -> np.ndarray:
    (face,) = plain.detector.detect(picture)
    inputs = [network_input(picture, face, plain.spec)[None], reencoded_inputs(picture, face, plain.spec)]
    return plain.network.logits(np.concatenate(inputs)).astype(np.float64)


def between(plain: Predictor, first: float, second: float) -> float:
    """A threshold halfway between the probabilities of two logits."""
    return float(plain.spec.calibration.probabilities(np.array([(first + second) / 2]))[0])


def test_predictor_plausibility_limits(plain, with_rules, portraits):
    alone = [plain.predict(picture) for picture, _ in portraits]
    p = np.sort([answer.probability for answer in alone])
    rules = {"real_upper": float(p[5] + p[6]) / 2, "fake_lower": float(p[1] + p[2]) / 2}
    predictor = Predictor(with_rules({"threshold": float(p[3] + p[4]) / 2}, **rules))
    predictions = [predictor.predict(picture) for picture, _ in portraits]
    for before, answer in zip(alone, predictions, strict=True):
        assert answer.probability == before.probability
        if p[2] <= answer.probability <= p[5]:
            assert (answer.verdict, answer.reason) == ("cannot tell", "real and fake are both plausible")
        else:
            assert answer.verdict == ("fake" if answer.probability > p[4] else "real") and answer.reason == ""
        assert (answer.faces[0].verdict, answer.faces[0].reason) == (answer.verdict, answer.reason)
    assert [answer.verdict for answer in predictions].count("cannot tell") == 4


def test_predictor_out_of_training_range(plain, with_rules, portraits):
    picture = portraits[0][0]
    (face,) = BlazeFace().detect(picture)
    (face_score,) = Predictor(with_rules(min_face=face.size + 1)).predict(picture).faces
    assert face_score.verdict == "cannot tell" and f"{int(face.size)} pixels" in face_score.reason
    assert Predictor(with_rules(min_face=face.size - 1)).predict(picture).reason == ""
    luma = crop_statistics(network_input(picture, face, plain.spec))["luma"]
    fits, does_not = ((luma - 1, luma + 1), (luma + 1, luma + 9))
    assert Predictor(with_rules(ranges={"luma": fits})).predict(picture).reason == ""
    answer = Predictor(with_rules(ranges={"luma": does_not})).predict(picture)
    assert answer.verdict == "cannot tell" and "mean luma" in answer.reason
    size = Predictor(with_rules(ranges={"face_size": (face.size + 1, face.size + 2)})).predict(picture)
    assert "side of the face" in size.reason


@pytest.mark.parametrize("version", [1, 2], ids=["JPEG", "scaled"])
def test_predictor_answer_turns_when_reencoded(plain, with_rules, portraits, logits, version):
    shifts = logits[:, version] - logits[:, 0]
    row = int(np.abs(shifts).argmax())
    threshold = between(plain, logits[row, 0], logits[row, version])
    rules = {"real_upper": threshold, "fake_lower": threshold}
    reach = float(np.abs(shifts[row]))
    picture = portraits[row][0]
    folder = with_rules({"threshold": threshold}, **rules, reencode=reach)
    answer = Predictor(folder).predict(picture)
    assert (answer.verdict, answer.reason) == ("cannot tell", "the answer turns when the picture is saved again")
    unchecked = "fake" if plain.predict(picture).probability >= threshold else "real"
    assert Predictor(folder, check_reencoding=False).predict(picture).verdict == unchecked
    # Out of reach it is not scored again.
    for changes in ({"reencode": 0.4 * reach}, {}):
        folder = with_rules({"threshold": threshold}, **rules, **changes)
        assert Predictor(folder).predict(picture).verdict == unchecked


def test_predictor_rescores_near_faces_only(plain, with_rules, portraits, logits, monkeypatch):
    at = between(plain, *np.sort(logits[:, 0])[3:5])
    predictor = Predictor(with_rules({"threshold": at}, real_upper=at, fake_lower=at, reencode=0.02))
    near = np.abs(logits[:, 0] - plain.spec.calibration.logit_at(at)) <= 0.02
    counts, run = [], predictor.network.evaluate
    monkeypatch.setattr(predictor.network, "evaluate", lambda pixels: counts.append(len(pixels)) or run(pixels))
    for (picture, _), is_near in zip(portraits, near, strict=True):
        counts.clear()
        predictor.predict(picture)
        assert counts == ([1, 2] if is_near else [1])
    assert 0 < near.sum() < len(near)


def test_predictor_abstains_on_one_face(plain, with_rules, portraits):
    pair = np.hstack([portraits[0][0], portraits[1][0]])
    faces = sorted(plain.predict(pair).faces, key=lambda face: face.probability)
    low, high = (face.probability for face in faces)
    middle = (low + high) / 2
    # The lower one is real, the higher one below the threshold but not plausibly real: the picture is "cannot tell".
    prediction = Predictor(with_rules({"threshold": 1.0}, real_upper=middle, fake_lower=1.0)).predict(pair)
    assert sorted(face.verdict for face in prediction.faces) == ["cannot tell", "real"]
    assert (prediction.verdict, prediction.reason) == ("cannot tell", "neither real nor fake is plausible")
    # The higher one is fake: so is the picture.
    prediction = Predictor(with_rules({"threshold": middle}, real_upper=0.0, fake_lower=middle)).predict(pair)
    assert sorted(face.verdict for face in prediction.faces) == ["cannot tell", "fake"]
    assert (prediction.verdict, prediction.reason, prediction.probability) == ("fake", "", high)
    # The lower one is out of range and the higher one real: the picture is "cannot tell".
    lumas = {}
    for evidence in Predictor(with_rules()).detect_and_score(pair):
        lumas[plain.decide(evidence).probability] = evidence.statistics["luma"]
    only = (lumas[high] - 1e-6, lumas[high] + 1e-6)
    folder = with_rules({"threshold": 1.0}, real_upper=1.0, fake_lower=1.0, ranges={"luma": only})
    other = Predictor(folder).predict(pair)
    assert {face.probability: face.verdict for face in other.faces} == {low: "cannot tell", high: "real"}
    assert (other.verdict, other.probability) == ("cannot tell", high) and "mean luma" in other.reason
    tensors = {tensor["name"]: tensor["data"] for tensor in encode_outputs([prediction])}
    assert tensors["face_verdict"] == [face.verdict for face in prediction.faces]
    assert tensors["face_reason"] == [face.reason for face in prediction.faces]


def test_predictor_isotonic_calibration(plain, with_rules, portraits, logits):
    low, high = np.quantile(logits[:, 0], [0.1, 0.9])
    fitted = Calibration(method="isotonic", knots=((low, 0.05), ((low + high) / 2, 0.5), (high, 0.95)))
    predictor = Predictor(with_rules({"calibration": fitted, "threshold": 0.5}, real_upper=0.5, fake_lower=0.5))
    for (picture, _), row in zip(portraits, logits, strict=True):
        expected = np.interp(row[0], [low, (low + high) / 2, high], [0.05, 0.5, 0.95])
        assert predictor.predict(picture).probability == pytest.approx(expected, abs=1e-4)


@pytest.fixture(scope="module")
def clip(tmp_path_factory, portraits, write_video):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_video(path, [portraits[2][0]] * 6, rate=4, crf=10)


def test_predict_video_abstains(plain, with_rules, clip):
    (person,) = predict_video(plain, clip, frames=6).people
    p = person.probability
    size = float(np.median([face.box[2] - face.box[0] for face in person.faces]))
    answered = predict_video(Predictor(with_rules(min_face=size - 2)), clip, frames=6)
    assert answered.verdict == answered.people[0].verdict != "cannot tell" and answered.reason == ""
    small = predict_video(Predictor(with_rules(min_face=size + 2)), clip, frames=6)
    assert small.verdict == small.people[0].verdict == "cannot tell"
    assert small.reason == small.people[0].reason != "" and "too small" in small.reason
    both = predict_video(Predictor(with_rules(real_upper=p + 0.01, fake_lower=p - 0.01)), clip, frames=6)
    assert both.people[0].reason == both.reason == "real and fake are both plausible"
    assert both.probability == pytest.approx(p)


def test_predict_video_answer_turns_when_reencoded(plain, with_rules, clip):
    """The re-encoded frames are aggregated as the frames are."""
    from aletheia.imaging.video import read_frames

    scores = [three_logits(plain, frame.rgb) for frame in read_frames(clip, 6)]
    means = np.mean(scores, axis=0)
    far = 1 + int(np.abs(means[1:] - means[0]).argmax())
    threshold = between(plain, means[0], means[far])
    rules = {"real_upper": threshold, "fake_lower": threshold}
    folder = with_rules({"threshold": threshold}, **rules, reencode=float(np.ptp(scores)))
    answer = predict_video(Predictor(folder), clip, frames=6)
    assert answer.people[0].reason == "the answer turns when the picture is saved again"
    assert predict_video(Predictor(folder, check_reencoding=False), clip, frames=6).people[0].reason == ""


def test_predict_command_reason(with_rules, portraits, clip, tmp_path):
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), portraits[0][0][..., ::-1])
    command = ["predict", str(picture), str(clip), "--model", str(with_rules(min_face=2000))]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if "cannot tell" in line]
    assert len(lines) == 2 and all("too small" in line and "probability of fake" in line for line in lines)
    first = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout.splitlines()[0])
    assert first["verdict"] == first["faces"][0]["verdict"] == "cannot tell"
    assert first["reason"] == first["faces"][0]["reason"]


def test_predictor_refuses_another_kind_of_picture(plain, with_rules, portraits, tmp_path, write_video):
    pictures = [picture for picture, _ in portraits]
    crops = np.stack([network_input(rgb, plain.detector.detect(rgb)[0], plain.spec) for rgb in pictures])
    features = face_features(crops, plain.network.evaluate(crops)[1])
    typical = fit_typical(features)
    distances = np.sort(typical.distances(features))
    payload = write_typical(tmp_path, typical)
    rules = TypicalSpec(
        sha256=hashlib.sha256(payload).hexdigest(),
        features=features.shape[1],
        limit=float(distances[-2:].mean()),  # between the two farthest
        level=0.02,
        faces=len(pictures),
    )
    folder = with_rules(typical=rules)
    with pytest.raises(InputError, match=r"typical\.safetensors"):
        Predictor(folder)
    shutil.copy(tmp_path / TYPICAL, folder)
    predictor = Predictor(folder)
    faces = [predictor.predict(picture).faces[0] for picture in pictures]
    far = typical.distances(features) > rules.limit
    assert [face.cause == "another kind" for face in faces] == far.tolist() and far.sum() == 1
    odd = pictures[int(np.argmax(far))]
    # A person of a video, too, and two models that agree.
    film = predict_video(predictor, str(write_video(tmp_path / "film.mp4", [odd] * 4, crf=0)), frames=2)
    assert film.people[0].cause == "another kind"
    together = open_predictor([folder, folder]).predict(odd)
    assert (together.verdict, together.faces[0].cause) == ("cannot tell", "another kind")
