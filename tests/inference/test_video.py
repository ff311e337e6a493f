"""Predictions for videos, person by person."""

from __future__ import annotations

import dataclasses
import json
import math
from statistics import NormalDist

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.faces.face import Face
from aletheia.imaging.video import Frame
from aletheia.inference.ensemble import Ensemble
from aletheia.inference.predictor import FaceEvidence, Predictor
from aletheia.inference.video import ScoredFrames, aggregate, decide_video, min_fakes_beyond_chance, predict_video
from aletheia.models.calibration_map import Calibration
from aletheia.models.verdict import BRIEF, SMALL

CALIBRATION = Calibration(method="platt", scale=1.7, shift=-0.3)


@pytest.fixture(scope="module")
def predictor(bundle) -> Predictor:
    return Predictor(bundle)


@pytest.fixture(scope="module")
def clip(tmp_path_factory, portraits, write_video):
    """One person alone for a second, then two side by side for a second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    first, second = (np.ascontiguousarray(portraits[i][0][:256, :256]) for i in (0, 1))
    wall = np.full_like(first, 110)
    pictures = [np.hstack([first, second if number >= 8 else wall]) for number in range(16)]
    return write_video(path, pictures, rate=8, crf=10)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_aggregate_definitions():
    logits = np.array([-2.0, 0.5, 1.0, 4.0, 0.1], np.float32)
    z = 1.7 * logits - 0.3
    assert aggregate(logits, CALIBRATION) == pytest.approx(sigmoid(z.mean()), abs=1e-6)
    assert aggregate(logits, CALIBRATION, "mean_probability") == pytest.approx(sigmoid(z).mean(), abs=1e-6)
    assert aggregate(logits, CALIBRATION, "upper_quantile") == pytest.approx(sigmoid(np.quantile(z, 0.9)), abs=1e-6)
    for how in ("mean_logit", "mean_probability", "upper_quantile"):
        assert aggregate(logits[:1], CALIBRATION, how) == pytest.approx(sigmoid(z[0]), abs=1e-6)
    with pytest.raises(InputError, match="median"):
        aggregate(logits, CALIBRATION, "median")


def test_predict_video_people(predictor, clip):
    answer = predict_video(predictor, clip, frames=8)
    assert answer.frames == 8 and answer.aggregation == "mean_logit" and answer.reason == ""
    first, second = answer.people
    np.testing.assert_allclose(first.times, np.arange(8) * 0.25 + 0.125, atol=0.01)
    np.testing.assert_allclose(second.times, np.arange(4) * 0.25 + 1.125, atol=0.01)
    assert all(face.box[2] < 270 for face in first.faces) and all(face.box[0] > 240 for face in second.faces)
    spec = predictor.spec
    for person in answer.people:
        alone = np.array([face.probability for face in person.faces])
        logits = (np.log(alone / (1 - alone)) - spec.calibration.shift) / spec.calibration.scale
        assert person.probability == pytest.approx(aggregate(logits, spec.calibration), abs=1e-4)
        assert person.verdict == ("fake" if person.probability >= spec.threshold else "real")
    assert answer.probability == max(person.probability for person in answer.people)
    assert answer.verdict == ("fake" if answer.probability >= spec.threshold else "real")


def test_predict_video_aggregation(predictor, clip):
    other = predict_video(predictor, clip, frames=8, aggregation="upper_quantile")
    assert other.aggregation == "upper_quantile"
    assert other.probability != predict_video(predictor, clip, frames=8).probability
    with pytest.raises(InputError, match="aggregation"):
        predict_video(predictor, clip, aggregation="median")
    with pytest.raises(InputError, match="frames"):
        predict_video(predictor, clip, frames=0)


def test_predict_video_frame_equals_picture(predictor, clip):
    from aletheia.imaging.video import read_frames

    answer = predict_video(predictor, clip, frames=8)
    frames = list(read_frames(clip, 8))
    expected = predictor.predict(frames[-1].rgb)
    probabilities = [person.faces[-1].probability for person in answer.people]
    assert sorted(probabilities) == pytest.approx(sorted(face.probability for face in expected.faces), abs=1e-6)


def actor(place: float, logit: float, size: float = 50.0) -> FaceEvidence:
    """A face at the horizontal position `place` with the network's output `logit`."""
    return FaceEvidence(
        Face(np.array([place, 0, place + size, size], np.float32), np.zeros((6, 2), np.float32), 0.9), logit
    )


def decide_frames(predictor, frames):
    return decide_video(predictor, list(map(float, range(len(frames)))), frames)


@pytest.fixture(scope="module")
def strict(with_rules) -> Predictor:
    """Calls a face fake from a logit of 0 on, with a nominal false-alarm rate of 5 %."""
    rules = {"alpha": 0.05, "real_upper": 0.5, "fake_lower": 0.5}
    return Predictor(with_rules({"calibration": Calibration(), "threshold": 0.5}, **rules))


def test_min_fakes_beyond_chance_definition():
    """Against the definition, summed up term by term."""
    for alpha in (0.01, 0.05, 0.1, 0.2, 0.5):
        for people in (1, 2, 3, 10, 16, 40):
            terms = [math.comb(people, k) * alpha**k * (1 - alpha) ** (people - k) for k in range(people + 1)]
            expected = next(k for k in range(1, people + 1) if math.fsum(terms[k:]) <= alpha * (1 + 1e-9))
            assert min_fakes_beyond_chance(people, alpha) == expected
    assert [min_fakes_beyond_chance(people, 0.05) for people in (1, 2, 16)] == [1, 2, 3]
    assert min_fakes_beyond_chance(10_000, 0.05) == pytest.approx(500 + 1.645 * np.sqrt(10_000 * 0.05 * 0.95), abs=2)
    assert min_fakes_beyond_chance(5, 1.0) == 1


@pytest.mark.parametrize(
    "shots", [1, 3, pytest.param(8, marks=pytest.mark.slow), pytest.param(16, marks=pytest.mark.slow)]
)
def test_decide_video_false_alarms_of_edited_films(strict, shots):
    """Genuine films of 16 frames and as many scenes as `shots`, in each of which 5 % of all faces would be called fake.

    Without the rule 1 - 0.95^shots of the films are: 56 % for 16 shots.
    """
    rng, films, limit = np.random.default_rng(shots), 600, NormalDist().inv_cdf(0.95)
    scene = np.arange(16) * shots // 16
    alarms = naive = 0
    for _ in range(films):
        logits = rng.normal(size=shots) - limit
        prediction = decide_frames(strict, [[actor(300.0 * k, float(logits[k]))] for k in scene])
        assert len(prediction.people) == shots
        alarms += prediction.verdict == "fake"
        naive += (logits >= 0).any()
    assert naive / films == pytest.approx(1 - 0.95**shots, abs=0.07)
    # Scenes of a quarter of the frames or more decide alone: there are four at most.
    minimum = min_fakes_beyond_chance(shots, 0.05)
    tail = math.fsum(math.comb(shots, k) * 0.05**k * 0.95 ** (shots - k) for k in range(minimum, shots + 1))
    alone = shots <= 4
    assert alarms / films == pytest.approx(1 - 0.95**shots if alone else tail, abs=0.04)
    assert alone or alarms / films <= 0.08


def test_decide_video_brief_people(strict):
    def film(fakes):
        return decide_frames(strict, [[actor(300.0 * k, 0.2 if k in fakes else -3.0)] for k in range(16)])

    prediction = film({7})
    person = prediction.people[7]
    assert (prediction.verdict, person.verdict, person.cause) == ("cannot tell", "cannot tell", BRIEF)
    assert "that 1 of 16 people looks" in prediction.reason and "3 would be more" in prediction.reason
    assert prediction.probability == prediction.people[7].probability > 0.5
    assert {person.verdict for person in prediction.people} == {"cannot tell", "real"}
    assert film({7, 9}).verdict == "cannot tell" and film({2, 7, 9}).verdict == "fake" and film(()).verdict == "real"
    assert [person.verdict for person in film({2, 7, 9}).people].count("fake") == 3


def test_decide_video_quarter_of_frames(strict):
    def one_guest(frames):
        guest = [[actor(500, 2.0)]] * frames + [[]] * (16 - frames)
        return decide_frames(strict, [[actor(0, -3.0), *others] for others in guest])

    assert one_guest(3).verdict == "cannot tell" and one_guest(3).people[1].cause == BRIEF
    for frames in (4, 8, 16):
        assert one_guest(frames).verdict == one_guest(frames).people[1].verdict == "fake"
    # A person alone in a video, in any number of frames, and all people in a video of four frames or fewer.
    assert decide_frames(strict, [[actor(0, 2.0)], *[[]] * 15]).verdict == "fake"
    for frames in (1, 2, 3, 4):
        clip = [[actor(0, -3.0), actor(500, 2.0)], *[[actor(0, -3.0)]] * (frames - 1)]
        assert decide_frames(strict, clip).verdict == "fake"


def test_decide_video_abstaining_people_do_not_count(with_rules):
    predictor = Predictor(
        with_rules({"calibration": Calibration(), "threshold": 0.5}, real_upper=0.5, fake_lower=0.5, min_face=40)
    )
    crowd = [[actor(300.0 * k, 2.0 if k == 5 else -3.0, 50 if k == 5 else 30)] for k in range(16)]
    assert decide_frames(predictor, crowd).people[5].verdict == "fake"  # the only person who is large enough
    assert [person.cause for person in decide_frames(predictor, crowd).people].count(SMALL) == 15


def test_decide_video_ensemble_and_default_alpha(strict, bundle, with_rules):
    frames = [[actor(300.0 * k, 2.0 if k < 4 else -3.0)] for k in range(16)]
    plain = Predictor(with_rules({"calibration": Calibration(), "threshold": 0.5, "abstention": None}))
    assert (strict.alpha, plain.alpha) == (0.05, 0.1)
    assert [min_fakes_beyond_chance(16, alpha) for alpha in (0.1, 0.2)] == [4, 6]
    assert decide_frames(plain, frames).verdict == "fake" and decide_frames(plain, frames[1:]).verdict == "cannot tell"
    folder = with_rules({"calibration": Calibration(), "threshold": 0.5}, alpha=0.1, real_upper=0.5, fake_lower=0.5)
    both = Ensemble([folder, folder])

    def with_two_members(fakes):
        faces = [actor(300.0 * k, 2.0 if k < fakes else -3.0) for k in range(16)]
        return [[dataclasses.replace(face, members=(face, face))] for face in faces]

    assert [decide_frames(both, with_two_members(fakes)).verdict for fakes in (5, 6)] == ["cannot tell", "fake"]


def test_predict_video_no_face_or_invalid(predictor, tmp_path, write_video):
    wall = write_video(tmp_path / "wall.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 5)
    answer = predict_video(predictor, wall)
    assert (answer.verdict, answer.probability, answer.people, answer.frames) == ("no face found", None, (), 5)
    (tmp_path / "text.mp4").write_text("no video")
    answer = predict_video(predictor, tmp_path / "text.mp4")
    assert (answer.verdict, answer.probability) == ("error", None)
    assert "no video" in answer.reason


def test_predict_command_video(bundle, clip, tmp_path):
    options = ["--model", str(bundle), "--frames", "8"]
    result = CliRunner().invoke(app, ["predict", str(clip), *options])
    assert result.exit_code == 0, result.output
    assert "in 8 frames" in result.output and "in 4 frames" in result.output
    result = CliRunner().invoke(app, ["predict", str(clip), *options, "--json", "--aggregation", "mean_probability"])
    answer = json.loads(result.stdout.splitlines()[-1])
    assert answer["aggregation"] == "mean_probability" and len(answer["people"]) == 2
    (tmp_path / "text.mp4").write_text("no video")
    assert CliRunner().invoke(app, ["predict", str(tmp_path / "text.mp4"), *options]).exit_code == 2


def test_predict_video_whose_size_changes_keeps_its_people(predictor, portraits):
    """One person, whose frames are half as large in the second half: boxes are in pixels of the first frame."""
    large = np.ascontiguousarray(portraits[0][0])
    small = cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA)
    scored = ScoredFrames()
    for number in range(8):
        rgb = large if number < 4 else small
        scored.add(Frame(rgb, number / 4, ("a note.",)), predictor.detect_and_score(rgb))
    answer = scored.decide(predictor)
    (person,) = answer.people
    assert len(person.times) == 8
    assert scored.size == (256, 256)
    assert answer.notes == ("a note.",)
    boxes = np.array([face.box for face in person.faces])
    assert np.abs(boxes - boxes[0]).max() < 12
    separate = decide_video(predictor, scored.times, scored.evidence)
    assert len(separate.people) == 2  # by places alone
