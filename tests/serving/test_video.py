"""Videos in, a verdict for each person out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.errors import InputError
from aletheia.models.spec import Calibration
from aletheia.serving.engine import Predictor
from aletheia.serving.video import aggregate, predict_video

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


def test_aggregations_against_their_definitions():
    logits = np.array([-2.0, 0.5, 1.0, 4.0, 0.1], np.float32)
    z = 1.7 * logits - 0.3
    assert aggregate(logits, CALIBRATION) == pytest.approx(sigmoid(z.mean()), abs=1e-6)
    assert aggregate(logits, CALIBRATION, "mean_probability") == pytest.approx(sigmoid(z).mean(), abs=1e-6)
    assert aggregate(logits, CALIBRATION, "upper_quantile") == pytest.approx(sigmoid(np.quantile(z, 0.9)), abs=1e-6)
    for how in ("mean_logit", "mean_probability", "upper_quantile"):
        assert aggregate(logits[:1], CALIBRATION, how) == pytest.approx(sigmoid(z[0]), abs=1e-6)
    with pytest.raises(InputError, match="median"):
        aggregate(logits, CALIBRATION, "median")


def test_each_person_is_scored_over_its_own_frames(predictor, clip):
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


def test_the_models_aggregation_is_used_unless_another_is_named(predictor, clip):
    other = predict_video(predictor, clip, frames=8, aggregation="upper_quantile")
    assert other.aggregation == "upper_quantile"
    assert other.probability != predict_video(predictor, clip, frames=8).probability
    with pytest.raises(InputError, match="aggregation"):
        predict_video(predictor, clip, aggregation="median")
    with pytest.raises(InputError, match="frames"):
        predict_video(predictor, clip, frames=0)


def test_a_frame_is_scored_as_a_picture_is(predictor, clip):
    from aletheia.faces.video import read_frames

    answer = predict_video(predictor, clip, frames=8)
    frames = list(read_frames(clip, 8))
    wanted = predictor.predict(frames[-1].rgb)
    got = [person.faces[-1].probability for person in answer.people]
    assert sorted(got) == pytest.approx(sorted(face.probability for face in wanted.faces), abs=1e-6)


def test_no_face_and_no_video_are_answers(predictor, tmp_path, write_video):
    wall = write_video(tmp_path / "wall.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 5)
    answer = predict_video(predictor, wall)
    assert (answer.verdict, answer.probability, answer.people, answer.frames) == ("no face found", None, (), 5)
    (tmp_path / "text.mp4").write_text("no video")
    answer = predict_video(predictor, tmp_path / "text.mp4")
    assert (answer.verdict, answer.probability) == ("error", None)
    assert "no video" in answer.reason


def test_the_command(bundle, clip, tmp_path):
    options = ["--model", str(bundle), "--frames", "8"]
    told = CliRunner().invoke(app, ["predict", str(clip), *options])
    assert told.exit_code == 0, told.output
    assert "in 8 frames" in told.output and "in 4 frames" in told.output
    told = CliRunner().invoke(app, ["predict", str(clip), *options, "--json", "--aggregation", "mean_probability"])
    answer = json.loads(told.stdout.splitlines()[-1])
    assert answer["aggregation"] == "mean_probability" and len(answer["people"]) == 2
    (tmp_path / "text.mp4").write_text("no video")
    assert CliRunner().invoke(app, ["predict", str(tmp_path / "text.mp4"), *options]).exit_code == 2
