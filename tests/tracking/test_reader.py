"""Reading from a tracking server."""

from __future__ import annotations

import uuid

import pytest

from aletheia.core.errors import InputError
from aletheia.tracking import reader as reader_module
from aletheia.tracking.reader import Reader


@pytest.fixture
def reader(tracking_url):
    with Reader(tracking_url + "/") as reader:
        yield reader


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(reader_module, "_PAGE_SIZE", 2)


def test_projects_lists_names(reader, recorder):
    assert recorder.name in reader.projects()


def test_note_run_is_read_as_any_other(reader, recorder):
    uid = reader.note_run(recorder.name, "beside", {"weights": "a" * 64})
    (run,) = reader.runs(recorder.name, uid)
    assert run["metadata"]["name"] == "beside" and run["status"]["results"] == {"weights": "a" * 64}
    assert uid in reader.finished(recorder.name, "1970-01-01T00:00:00+00:00")
    with Reader("http://127.0.0.1:9") as nobody, pytest.raises(InputError, match="could not be reached at"):
        nobody.note_run("any", "beside", {})


def test_runs_come_before_their_iterations(reader, recorder, small_pages):
    later, earlier = uuid.uuid4().hex, uuid.uuid4().hex
    for iteration in (2, 0, 1):
        recorder.run(later, iteration)
    recorder.run(earlier, start_time="2020-01-02T03:04:05+00:00")  # long ago: no time filter applies
    runs = [(run["metadata"]["uid"], run["metadata"]["iteration"]) for run in reader.runs(recorder.name)]
    assert runs == [(earlier, 0), (later, 0), (later, 1), (later, 2)]
    assert {run["metadata"]["uid"] for run in reader.runs(recorder.name, later)} == {later}


def test_runs_keep_infinity(reader, recorder):
    recorder.run("u", results={"loss": float("inf")})
    (run,) = reader.runs(recorder.name)
    assert run["status"]["results"]["loss"] == float("inf")


def test_finished_since_a_time(reader, recorder):
    recorder.run("a", state="running")
    recorder.run("b", state="error")
    finished = reader.finished(recorder.name, "2020-01-01T00:00:00+00:00")
    assert set(finished) == {"b"}
    assert reader.finished(recorder.name, "2999-01-01T00:00:00+00:00") == {}


def test_artifacts_come_once_with_all_tags(reader, recorder, small_pages):
    for key in ("one", "two", "three"):
        recorder.artifact("t", key, tag="v1")
    tags = {item["metadata"]["key"]: item["metadata"]["tags"] for item in reader.artifacts(recorder.name)}
    assert tags == {key: ["latest", "v1"] for key in ("one", "two", "three")}
    assert reader.artifacts(recorder.name, kind="model") == []


def test_reader_names_the_address_that_fails(tracking_url):
    with Reader(f"{tracking_url}/elsewhere") as reader, pytest.raises(InputError, match="/elsewhere/api/v1/projects"):
        reader.projects()
    with Reader("http://127.0.0.1:9") as reader, pytest.raises(InputError, match=r"127\.0\.0\.1:9"):
        reader.projects()


def test_note_run_and_end_it(reader, recorder):
    uid = reader.note_run(
        recorder.name, "promote", {"to": "v1.0.0"}, parameters={"reason": "why"}, labels={"step": "x"}, state="running"
    )
    reader.note_run(recorder.name, "other", {})
    (run,) = reader.runs(recorder.name, label="step")
    assert run["spec"]["parameters"] == {"reason": "why"} and run["status"]["state"] == "running"
    reader.end_run(recorder.name, uid, "error", "no more")
    (run,) = reader.runs(recorder.name, uid)
    assert (run["status"]["state"], run["status"]["error"]) == ("error", "no more")
    with pytest.raises(InputError, match=r"could not be noted .* 404"):
        reader.end_run(recorder.name, uuid.uuid4().hex, "completed")


def test_tags_move_and_go(reader, recorder):
    uids = [recorder.artifact(uuid.uuid4().hex, "m", kind="model", x=x)["metadata"]["uid"] for x in range(2)]

    def tagged() -> list[str]:
        return [
            item["metadata"]["uid"] for item in reader.artifacts(recorder.name) if "best" in item["metadata"]["tags"]
        ]

    for uid in uids:
        reader.set_tag(recorder.name, "best", "train_m", uid)
        assert tagged() == [uid]
    reader.remove_tag(recorder.name, "best", "train_m", uids[1])
    assert tagged() == []
    assert reader.artifact(recorder.name, "train_m", "best") is None
    reader.set_tag(recorder.name, "best", "train_m", uids[0])
    assert reader.artifact(recorder.name, "train_m", "best")["metadata"]["uid"] == uids[0]
    with Reader("http://127.0.0.1:9") as nobody, pytest.raises(InputError, match="train_m:best could not be reached"):
        nobody.artifact("any", "train_m", "best")
    with pytest.raises(InputError, match="The tag no tag could not be noted"):
        reader.set_tag(recorder.name, "no tag", "train_m", uids[0])


def test_versions_are_claimed_once(reader, recorder):
    assert reader.model_versions(recorder.name, "m") == {"versions": [], "production": []}
    claims = [reader.claim_version(recorder.name, "m", "v1.0.0", "a-b") for _ in range(2)]
    assert claims == [True, False]
    assert [item["recipe"] for item in reader.model_versions(recorder.name, "m")["versions"]] == ["a-b"]
    with pytest.raises(InputError, match="could not be claimed"):
        reader.claim_version(recorder.name, "m", "newest", "")


def test_a_server_without_versions_keeps_none(reader, recorder):
    """As an MLRun server does, the embedded one answers 501 where it has no route."""
    assert reader.model_versions(recorder.name, "m/further") is None
