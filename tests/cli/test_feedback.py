"""``aletheia feedback``, from a service's answer to labelled accuracy: client, command line and monitor together."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aletheia.cli import app, feedback
from aletheia.client import Detector
from aletheia.core.errors import InputError
from aletheia.lifecycle.prediction_log.reading import read_log


@pytest.fixture
def invoke(tmp_path):
    """Provide a function that runs a command on the log of the test, and returns its output."""

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*words, "--log", str(tmp_path / "log.sqlite")], env={"COLUMNS": "250"})
        if code == 2:
            assert isinstance(done.exception, InputError)
            return str(done.exception)
        assert done.exit_code == code, done.output + str(done.exception)
        return done.stdout

    return run


@pytest.mark.slow
def test_from_an_answer_to_its_accuracy(serving, jpeg, tmp_path, invoke):
    limits = {"keep_feedback_pictures": True, "prediction_log": str(tmp_path / "log.sqlite")}
    with serving(**limits) as served:
        url = str(served.client.base_url)
        with Detector(url) as detector:
            answers = [detector.predict(jpeg) for _ in range(4)]
            assert len({answer.id for answer in answers}) == 4
            assert "has accepted it" in detector.feedback(answers[0], "fake", "expert", note="a film of last year")
            detector.feedback(answers[1].id, "genuine", picture=jpeg, consent=True)
            with pytest.raises(InputError, match="only with consent=True"):
                detector.feedback(answers[1], "genuine", picture=jpeg)
            with pytest.raises(InputError, match="label"):
                detector.feedback(answers[1], "real")
            with pytest.raises(InputError, match="no answer with this id"):
                detector.feedback("0" * 32, "fake")
        sent = CliRunner().invoke(app, ["feedback", "send", answers[2].id, "fake", "--url", url, "--source", "other"])
        assert sent.exit_code == 0, sent.output
        assert "Noted" in sent.stdout
    listed = invoke("feedback", "list")
    assert "3 answers, 3 waiting" in listed
    assert "fake (expert)" in listed
    assert "genuine (own, picture)" in listed
    assert "a film of last year" in invoke("feedback", "show", answers[0].id[:8])
    assert json.loads(invoke("monitor", "--json"))["labelled"] == []  # nothing counts before it is accepted

    shown = invoke("feedback", "accept", "--source", "expert", "--flagged", "--dry-run")
    assert "1 label would be accepted" in shown
    assert json.loads(invoke("monitor", "--json"))["labelled"] == []
    assert "1 label accepted" in invoke("feedback", "accept", "--source", "expert", "--flagged", "--by", "ops")
    invoke("feedback", "accept", answers[1].id)
    invoke("feedback", "reject", answers[2].id, "--reason", "nobody knows")
    states = {item["id"]: item["state"] for item in json.loads(invoke("feedback", "list", "--json"))}
    assert states == {answers[0].id: "accepted", answers[1].id: "accepted", answers[2].id: "rejected"}
    said = json.loads(invoke("feedback", "show", answers[0].id, "--json"))["decisions"]
    assert [(one["label"], one["state"], one["decided_by"]) for one in said] == [("fake", "accepted", "ops")]

    (labelled,) = json.loads(invoke("monitor", "--json"))["labelled"]
    verdict = answers[0].verdict
    assert labelled["labels"] == 2
    if verdict in ("real", "fake"):  # one picture, once called genuine and once fake: one of them is right
        assert labelled["accuracy"]["value"] == 0.5
    assert len(read_log(tmp_path / "log.sqlite")) == 4
    page = tmp_path / "report.html"
    assert "People report mistakes more often" in invoke("monitor", "--report", str(page))
    assert "<h2>Labelled answers</h2>" in page.read_text()

    assert "1 genuine, 0 fake" in invoke("feedback", "export", str(tmp_path / "out"))
    assert "Deleted: 1 statement, 1 picture." in invoke("feedback", "forget", answers[1].id)
    assert not list((tmp_path / "feedback-pictures").iterdir())
    assert "no picture with an accepted label" in invoke("feedback", "export", str(tmp_path / "again"), code=2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["accept"], "Name answers by their ids, or choose some"),
        (["accept", "--source", "a friend"], "none of own, credentials, expert, other"),
        (["accept", "--label", "real"], "neither genuine nor fake"),
        (["reject", "--since", "yesterday"], "--since"),
        (["list", "--state", "new"], "none of waiting"),
        (["show", "abc"], "names 0 answers"),
        (["forget", "abc"], "There is no feedback on 'abc'"),
    ],
)
def test_what_does_not_fit(invoke, words, message):
    assert message in invoke("feedback", *words, code=2)


def test_nothing_yet(invoke):
    assert "Nobody has said anything" in invoke("feedback", "list")
    assert json.loads(invoke("feedback", "list", "--json")) == []
    assert "0 labels accepted" in invoke("feedback", "accept", "--since", "1d")


def test_local_model_and_addresses(bundle):
    with pytest.raises(InputError, match="Feedback goes to a service"):
        Detector(bundle).feedback("0" * 32, "fake")
    sent = CliRunner().invoke(feedback.app, ["send", "0" * 32, "fake", "--url", "example.org"])
    assert isinstance(sent.exception, InputError)
