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
    with Reader("http://127.0.0.1:9") as nobody, pytest.raises(InputError, match="could not be noted at"):
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
