"""``aletheia predict``: output and exit codes; the models behind it have tests of their own."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import aletheia.client
from aletheia.cli import predict as command
from aletheia.cli.root import app
from aletheia.client_types import ModelNote
from aletheia.core.errors import InputError
from aletheia.inference.predictor import FaceScore, Prediction
from aletheia.inference.video import PersonScore, VideoPrediction


def face(probability: float, verdict: str) -> FaceScore:
    return FaceScore((0.0, 0.0, 9.0, 9.0), 0.9, probability, probability, verdict)


ANSWERS = {
    "fake.jpg": Prediction("fake", 0.914, (face(0.914, "fake"), face(0.02, "real"))),
    "unsure.jpg": Prediction("cannot tell", 0.51, (face(0.51, "cannot tell"),), "too close to the threshold"),
    "empty.jpg": Prediction("no face found", None),
    "clip.mp4": VideoPrediction("real", 0.25, (PersonScore(0.25, "real", (0.0, 1.0, 2.0), ()),), 3, "mean_logit"),
    "broken.jpg": Prediction("error", None, reason="broken.jpg: not an image"),
}


class FakeDetector:
    """Answers by the file's name, and keeps the arguments of its calls."""

    calls: list[tuple] = []  # noqa: RUF012 - one list for all, emptied by the fixture
    note = ModelNote("store://models/p/k:candidate", "abc", "cam-a, swap", "candidate")

    def __init__(self, model, **options) -> None:
        self.calls.append((model, options))

    def predict(self, path, **options):
        self.calls.append((path.name, options))
        return ANSWERS[path.name]


@pytest.fixture(autouse=True)
def detector(monkeypatch) -> type[FakeDetector]:
    monkeypatch.setattr(aletheia.client, "Detector", FakeDetector)
    FakeDetector.calls.clear()
    return FakeDetector


def run(*arguments: str):
    return CliRunner().invoke(app, ["predict", *arguments])


def test_predict_prints_one_line_a_file():
    result = run("fake.jpg", "unsure.jpg", "empty.jpg", "clip.mp4")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "fake.jpg: fake (probability of fake: 91.4%, 2.0%)",
        "unsure.jpg: cannot tell (probability of fake: 51.0%): too close to the threshold",
        "empty.jpg: no face found",
        "clip.mp4: real (probability of fake, by person: 25.0% in 3 frames)",
    ]
    assert "the candidate is used" in result.stderr
    assert "store://models/p/k:candidate, trained on cam-a, swap" in result.stderr


def test_predict_goes_on_after_unreadable_files():
    result = run("broken.jpg", "empty.jpg")
    assert result.exit_code == 2
    assert result.stdout == "empty.jpg: no face found\n"
    assert "broken.jpg: not an image" in result.stderr


def test_predict_json_is_one_object_a_line():
    result = run("fake.jpg", "broken.jpg", "--json")
    assert result.exit_code == 2
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["file"], row["verdict"], row["probability"]) for row in rows] == [
        ("fake.jpg", "fake", 0.914),
        ("broken.jpg", "error", None),
    ]
    assert {row["model"] for row in rows} == {"store://models/p/k:candidate"}


def test_predict_passes_its_options_on(detector):
    options = ("--model", "a", "--model", "b", "--weight", "1", "--weight", "3", "--precision", "int8")
    result = run(
        "clip.mp4", *options, "--frames", "5", "--aggregation", "mean_logit", "--threshold", ".7", "--no-calibration"
    )
    assert detector.calls == [
        (["a", "b"], {"weights": [1.0, 3.0], "precision": "int8"}),
        ("clip.mp4", {"frames": 5, "aggregation": "mean_logit", "threshold": 0.7, "use_calibration": False}),
    ]
    assert "candidate is used" not in result.stderr  # it was asked for
    detector.calls.clear()
    run("clip.mp4", "--url", "http://127.0.0.1:1")
    assert detector.calls[0] == ("http://127.0.0.1:1", {"weights": [], "precision": "f32"})


def test_predict_refuses_url_and_model():
    result = run("fake.jpg", "--url", "http://127.0.0.1:1", "--model", "a")
    assert isinstance(result.exception, InputError)


def test_describe_without_faces_has_no_probability():
    assert command._describe(Prediction("no face found", None)) == "no face found"


def folder_of(tmp_path, *names):
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def test_predict_folder_counts_what_went_wrong(tmp_path):
    folder = folder_of(tmp_path / "in", "fake.jpg", "broken.jpg", "sub/clip.mp4", "notes.txt")
    result = run(str(folder), "--recursive")
    assert result.exit_code == 2
    assert [line.split(": ")[1].split(" (")[0] for line in result.stdout.splitlines()] == ["fake", "real"]
    assert "3 files: 1 unreadable, 1 fake, 1 real." in result.stderr
    assert "1 file left out: by name neither picture nor video" in result.stderr


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_predict_output_goes_on_where_it_ended(tmp_path, detector, form):
    folder = folder_of(tmp_path / "in", "fake.jpg", "broken.jpg")
    output = tmp_path / f"answers.{form}"
    assert run(str(folder), "-o", str(output)).exit_code == 2
    folder_of(folder, "unsure.jpg")
    detector.calls.clear()
    result = run(str(folder), "-o", str(output))
    assert [name for name, _ in detector.calls[1:]] == ["broken.jpg", "unsure.jpg"]
    assert "already has the answers for 1 of 3 files" in result.stderr
    assert result.stdout == ""
    other = run(str(folder), "-o", str(output), "--threshold", "0.5")
    assert isinstance(other.exception, InputError)


def test_predict_appends_notes_to_its_line(monkeypatch):
    noted = Prediction("real", 0.1, (face(0.1, "real"),), notes=("The end of the file is missing.",))
    monkeypatch.setitem(ANSWERS, "noted.jpg", noted)
    assert run("noted.jpg").stdout == "noted.jpg: real (probability of fake: 10.0%) [The end of the file is missing.]\n"
