"""What is flagged as suspicious, what a filter accepts and leaves out, and forgetting."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.feedback.pictures import PictureStore
from aletheia.lifecycle.feedback.place import pictures_folder, store_path
from aletheia.lifecycle.feedback.reading import read_labels
from aletheia.lifecycle.feedback.review import BURST, choose, decide, forget, review
from aletheia.lifecycle.feedback.statement import ACCEPTED, REJECTED, Statement
from aletheia.lifecycle.feedback.store import FeedbackStore


@pytest.fixture
def say(tmp_path):
    """Provide a function that stores a statement on an answer."""
    store = FeedbackStore(store_path(tmp_path))

    def add(answer: str, label: int, caller: str = "", time: float = 1000.0, source: str = "own", **more) -> None:
        store.add(Statement(answer, caller or f"caller of {answer}", label, source, time, **more))

    return add


def flags(folder) -> dict[str, tuple[str, ...]]:
    return {item.answer: item.flags for item in review(folder)}


def test_nothing_suspicious(say, tmp_path):
    say("a", 1, verdict="fake", probability=0.99)
    say("b", 0, verdict="fake", probability=0.6)
    assert flags(tmp_path) == {"a": (), "b": ()}


def test_contradictions(say, tmp_path):
    say("between callers", 1, "c1")
    say("between callers", 0, "c2")
    say("with itself", 1)
    say("with itself", 0)
    say("accepted", 1, "c1")
    say("sure", 0, verdict="fake", probability=0.96)
    say("sure too", 1, verdict="real", probability=0.04)
    decide(tmp_path, choose(review(tmp_path), ["accepted"]), ACCEPTED, "ops", 2000.0)
    say("accepted", 0, "c2")
    found = flags(tmp_path)
    assert found["between callers"] == ("callers contradict each other",)
    assert found["with itself"] == ("a caller said something else before",)
    assert found["sure"] == found["sure too"] == ("contradicts a sure verdict",)
    assert "contradicts the accepted label fake" in found["accepted"]
    assert list(read_labels(tmp_path)["label"]) == [1]


def test_bursts(say, tmp_path):
    for number in range(BURST):
        say(f"burst {number}", 0, "poisoner", time=1000.0 + 60 * number)
        say(f"slow {number}", 0, "patient", time=1000.0 + 600 * number)
        say(f"mixed {number}", number % 2, "honest", time=1000.0 + 60 * number)
        say(f"crowd {number}", 0, f"c{number}", time=1000.0)
    found = flags(tmp_path)
    assert all("by one caller in an hour" in found[f"burst {number}"][0] for number in range(BURST))
    for kind in ("slow", "mixed", "crowd"):
        assert [found[f"{kind} {number}"] for number in range(BURST)] == [()] * BURST


def test_near_duplicate_pictures_with_opposite_labels(say, tmp_path):
    say("a", 1, picture="1" * 64 + ".jpg", phash="00ff00ff00ff00ff")
    say("b", 0, picture="2" * 64 + ".jpg", phash="00ff00ff00ff00fe")
    say("c", 0, picture="3" * 64 + ".jpg", phash="ff00ff0f00ff1234")
    say("d", 1)
    text = "a near-duplicate of its picture has the opposite label"
    assert flags(tmp_path) == {"a": (text,), "b": (text,), "c": (), "d": ()}


def test_choosing_and_deciding(say, tmp_path):
    say("abc1", 1, source="expert")
    say("abc2", 0, source="own", time=5000.0)
    say("torn", 1, "c1", source="expert")
    say("torn", 0, "c2", source="expert")
    say("sure", 0, source="expert", verdict="fake", probability=1.0)
    items = review(tmp_path)
    choice = choose(items, source="expert")
    assert [one.answer for one in choice.chosen] == ["abc1"]
    assert choice.left_out == (
        ("torn", "callers contradict each other"),
        ("sure", "contradicts a sure verdict"),
    )
    assert [one.answer for one in choose(items, source="expert", with_flags=True).chosen] == ["abc1", "sure"]
    assert [one.answer for one in choose(items, since=4000.0).chosen] == ["abc2"]
    assert [one.answer for one in choose(items, label="genuine", with_flags=True).chosen] == ["torn", "sure", "abc2"]
    decide(tmp_path, choice, ACCEPTED, "ops", 6000.0, "looked at")
    assert list(read_labels(tmp_path)["id"]) == ["abc1"]
    assert choose(review(tmp_path), source="expert", label="fake").chosen == ()  # decided, or torn and flagged
    (decision,) = (item.decisions[1] for item in review(tmp_path) if item.answer == "abc1")
    assert (decision.decided_by, decision.decided, decision.reason) == ("ops", 6000.0, "looked at")
    decide(tmp_path, choose(review(tmp_path), ["abc1"]), REJECTED, "ops", 7000.0)  # named, a decision can be taken back
    assert len(read_labels(tmp_path)) == 0
    assert {item.answer: item.state for item in review(tmp_path)}["abc1"] == REJECTED


@pytest.mark.parametrize(
    ("ids", "message"),
    [(["abc"], "names 2 answers"), (["x"], "names no answer"), ([""], "names no answer"), (["torn"], "--label")],
)
def test_ids_that_do_not_fit(say, tmp_path, ids, message):
    say("abc1", 1)
    say("abc2", 1)
    say("torn", 1, "c1")
    say("torn", 0, "c2")
    with pytest.raises(InputError, match=message):
        choose(review(tmp_path), ids)
    assert choose(review(tmp_path), ["torn"], label="fake").chosen[0].label == 1


def test_forgotten_with_its_picture(say, tmp_path):
    pictures = PictureStore(pictures_folder(tmp_path))
    own, shared = pictures.add(b"own", ".jpg"), pictures.add(b"shared", ".jpg")
    say("a", 1, "c1", picture=own)
    say("a", 1, "c2", picture=shared)
    say("b", 1, picture=shared)
    decide(tmp_path, choose(review(tmp_path), ["a"]), ACCEPTED, "ops", 2000.0)
    assert forget(tmp_path, "a") == (2, 1)
    assert [item.answer for item in review(tmp_path)] == ["b"]
    assert len(read_labels(tmp_path)) == 0
    assert pictures.find(own) is None
    assert pictures.find(shared) is not None
    assert forget(tmp_path, "a") == (0, 0)
