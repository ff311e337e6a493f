"""Feedback against a running service: what is taken, what is refused and why, what is kept, and what survives."""

from __future__ import annotations

import base64
import contextlib
import io
import sqlite3
import stat
import subprocess
import sys
import threading
from typing import get_args

import httpx
import numpy as np
import pytest
from PIL import Image

from aletheia.imaging.reading import read_image
from aletheia.lifecycle.feedback.place import PICTURES, store_path
from aletheia.lifecycle.feedback.reading import read_labels
from aletheia.lifecycle.feedback.statement import LABELS, SOURCES
from aletheia.lifecycle.feedback.store import FeedbackStore
from aletheia.serving import feedback_route
from aletheia.serving.feedback import FeedbackDesk
from aletheia.serving.feedback_schemas import Feedback

from ..waiting import PATIENCE

UNKNOWN = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("feedback")


@pytest.fixture(scope="module")
def running(serving, folder):
    with serving(
        prediction_log=str(folder / "log.sqlite"), keep_feedback_pictures=True, feedback_per_hour=10_000
    ) as served:
        yield served


@pytest.fixture(scope="module")
def photo(portraits) -> bytes:
    """A JPEG with a place, a camera and a comment, turned by its orientation."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 1, "Margarete's camera"
    buffer = io.BytesIO()
    Image.fromarray(portraits[0][0]).save(buffer, "JPEG", quality=77, exif=exif, comment=b"Margarete")
    return buffer.getvalue()


@pytest.fixture
def answer(running, photo) -> dict:
    return running.client.post("/v1/predict", files={"file": photo}).json()


def said(answer: dict, label: str = "fake", source: str = "own", **more) -> dict:
    return {"id": answer["id"], "label": label, "source": source, **more}


def stored(folder, answer) -> list:
    return FeedbackStore(store_path(folder)).about(answer["id"])


def test_label_at_once(running, folder, answer):
    """Also before the log is written: the program that asked knows the truth within milliseconds."""
    note = running.client.post("/v1/feedback", json=said(answer, note="seen\x1b[2J on the day"))
    assert note.status_code == 200
    assert note.json() == {
        "ok": True,
        "id": answer["id"],
        "label": "fake",
        "changed": False,
        "picture_kept": False,
        "message": "Noted. It counts when whoever runs this service has accepted it.",
    }
    (one,) = stored(folder, answer)
    assert (one.label, one.source, one.verdict) == (1, "own", answer["verdict"])
    assert (one.version, one.probability) == (answer["model"]["version"], pytest.approx(answer["probability"]))
    assert one.note == "seen [2J on the day"  # an operator's terminal obeys no stranger
    assert "127.0.0.1" not in repr(one)
    assert len(one.caller) == 16
    assert len(read_labels(folder)) == 0  # nothing counts yet
    assert answer["id"] in set(read_labels(folder, accepted=False)["id"])
    again = running.client.post("/v1/feedback", json=said(answer, "genuine", "credentials")).json()
    assert again["changed"] is True
    (one,) = stored(folder, answer)
    assert (one.label, one.source, one.changes) == (0, "credentials", 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "real"}, "label"),
        ({"source": "a friend"}, "source"),
        ({"id": "../../etc/passwd"}, "id"),
        ({"id": UNKNOWN + "\n"}, "id"),
        ({"note": "n" * 501}, "note"),
        ({"detail": "n" * 201}, "detail"),
        ({"who": "me"}, "who"),
        ({"label": 1}, "label"),
    ],
)
def test_what_does_not_fit(running, answer, change, message):
    refused = running.client.post("/v1/feedback", json=said(answer) | change)
    assert refused.status_code == 400
    assert refused.json()["error"]["kind"] == "bad_request"
    assert message in refused.json()["error"]["message"]


def test_unknown_answer_and_other_bodies(running, answer):
    client = running.client
    refused = client.post("/v1/feedback", json=said({"id": UNKNOWN}))
    assert refused.status_code == 404
    assert "no answer with this id" in refused.json()["error"]["message"]
    assert client.post("/v1/feedback", json=[1]).status_code == 400
    assert client.post("/v1/feedback", content=b"id=1").status_code == 415
    assert client.post("/v1/feedback", json=said(answer, note="n" * 20_000)).status_code == 413
    assert client.get("/v1/feedback").status_code == 405


def test_picture_with_consent(running, folder, answer, photo):
    note = running.client.post("/v1/feedback", files={"file": photo}, data=said(answer, consent="true"))
    assert note.status_code == 200, note.text
    assert note.json()["picture_kept"] is True
    (one,) = stored(folder, answer)
    kept = folder / PICTURES / one.picture
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    content = kept.read_bytes()
    assert b"Margarete" in photo
    assert b"Margarete" not in content
    assert np.array_equal(read_image(content), read_image(photo))
    assert content[content.index(b"\xff\xda") :] == photo[photo.index(b"\xff\xda") :]  # not saved again
    for path in ("/", f"/{PICTURES}/{one.picture}", f"/v1/feedback/{one.picture}"):
        assert running.client.get(path).status_code in (404, 405)
    metrics = running.client.get("/metrics").text
    assert 'aletheia_feedback_pictures_total{result="kept"}' in metrics
    assert 'aletheia_feedback_total{label="fake",source="own"}' in metrics
    assert f"aletheia_feedback_picture_bytes {float(len(content))}" in metrics


def test_picture_without_consent_or_of_something_else(running, folder, answer, photo, portraits, clip):
    other, small = io.BytesIO(), io.BytesIO()
    Image.fromarray(portraits[0][0][:, ::-1]).save(other, "PNG")
    Image.fromarray(np.ascontiguousarray(portraits[0][0][::2, ::2])).save(small, "PNG")
    before = set((folder / PICTURES).iterdir()) if (folder / PICTURES).exists() else set()
    for data, fields, message in [
        (photo, said(answer), "consent=true"),
        (photo, said(answer, consent="false"), "consent=true"),
        (small.getvalue(), said(answer, consent="true"), "not the picture"),
        (b"no picture", said(answer, consent="true"), "not an image"),
        (photo[: len(photo) // 2], said(answer, consent="true"), ""),
        (clip, said(answer, consent="true"), ""),
        (photo, said({"id": UNKNOWN}, consent="true"), "no answer with this id"),
    ]:
        refused = running.client.post("/v1/feedback", files={"file": data}, data=fields)
        assert 400 <= refused.status_code < 500
        assert message in refused.json()["error"]["message"]
    blank = io.BytesIO()
    Image.new("RGB", portraits[0][0].shape[1::-1]).save(blank, "PNG")
    refused = running.client.post("/v1/feedback", files={"file": blank.getvalue()}, data=said(answer, consent="true"))
    assert "not the picture" in refused.json()["error"]["message"]  # of the same size, and without a face
    assert stored(folder, answer) == []
    assert (set((folder / PICTURES).iterdir()) if (folder / PICTURES).exists() else set()) == before


def test_service_that_keeps_none(serving, tmp_path, photo):
    with serving(prediction_log=str(tmp_path / "log.sqlite"), feedback_per_hour=3) as served:
        answer = served.client.post("/v1/predict", files={"file": photo}).json()
        refused = served.client.post("/v1/feedback", files={"file": photo}, data=said(answer, consent="true"))
        assert "keeps no pictures" in refused.json()["error"]["message"]
        assert served.client.post("/v1/feedback", json=said(answer)).status_code == 200
        assert served.client.post("/v1/feedback", json=said({"id": UNKNOWN})).status_code == 404
        limited = served.client.post("/v1/feedback", json=said(answer))
        assert limited.status_code == 429
        assert 0 < int(limited.headers["retry-after"]) <= 3600
        assert not (tmp_path / PICTURES).exists()
        assert "aletheia_feedback_picture_bytes" not in served.client.get("/metrics").text


@pytest.mark.parametrize("asked", [{}, {"id": "7"}], ids=["without an id", "with one"])
def test_answers_of_the_v2_protocol(running, folder, photo, asked):
    picture = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(photo).decode()]}
    broken = {**picture, "data": [base64.b64encode(b"broken").decode()]}
    infer = "/v2/models/detector/infer"
    one = running.client.post(infer, json={**asked, "inputs": [picture]}).json()
    ids = {output["name"]: output["data"] for output in one["outputs"]}["id"]
    assert one["id"] == asked.get("id", ids[0])  # as the protocol wants it
    several = running.client.post(infer, json={**asked, "inputs": [picture, broken, picture]}).json()
    first, none, last = {output["name"]: output["data"] for output in several["outputs"]}["id"]
    assert none == "" and len({ids[0], first, last}) == 3
    assert several["id"] == asked.get("id", several["id"]) and several["id"] not in (first, last)
    verdict = {output["name"]: output["data"] for output in one["outputs"]}["verdict"][0]
    for answer, label in ((ids[0], "fake"), (last, "genuine")):
        note = running.client.post("/v1/feedback", json=said({"id": answer}, label))
        assert note.status_code == 200, note.text
        (statement,) = stored(folder, {"id": answer})
        assert (statement.label, statement.verdict) == (LABELS[label], verdict)
    kept = running.client.post("/v1/feedback", files={"file": photo}, data=said({"id": ids[0]}, consent="true"))
    assert kept.json()["picture_kept"]
    assert running.client.post("/v1/feedback", json=said({"id": one["id"]} if asked else {"id": UNKNOWN})).is_error


def test_service_without_a_log(serving, answer):
    with serving() as served:
        refused = served.client.post("/v1/feedback", json=said(answer))
        assert refused.status_code == 404
        assert "--no-record" in refused.json()["error"]["message"]


def test_full_quarantine_takes_labels_only(serving, tmp_path, photo):
    limits = {"keep_feedback_pictures": True, "max_feedback_picture_bytes": 10}
    with serving(prediction_log=str(tmp_path / "log.sqlite"), **limits) as served:
        answer = served.client.post("/v1/predict", files={"file": photo}).json()
        refused = served.client.post("/v1/feedback", files={"file": photo}, data=said(answer, consent="true"))
        assert refused.status_code == 503
        assert "no place for further pictures" in refused.json()["error"]["message"]
        assert 'pictures_total{result="refused"} 1' in served.client.get("/metrics").text
        assert served.client.post("/v1/feedback", json=said(answer)).status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (sqlite3.OperationalError("database or disk is full"), 503, "The disk is full"),
        (OSError(28, "No space left on device"), 503, "The disk is full"),
        (sqlite3.OperationalError("database is locked"), 429, "try again"),
        (sqlite3.OperationalError("unable to open /srv/secret/feedback.sqlite"), 503, "log says why"),
    ],
)
def test_disk_that_takes_nothing(running, folder, answer, monkeypatch, error, status, message):
    """The error of the system is raised where it would be; what the client gets names no file."""

    def fail(*_):
        raise error

    monkeypatch.setattr(FeedbackStore, "add", fail)
    refused = running.client.post("/v1/feedback", json=said(answer))
    assert refused.status_code == status
    assert message in refused.json()["error"]["message"]
    assert "secret" not in refused.text
    monkeypatch.undo()
    assert running.client.post("/v1/feedback", json=said(answer)).status_code == 200


@pytest.mark.slow
def test_killed_service_loses_nothing_it_confirmed(bundle, photo, tmp_path):
    """The service's own process, killed while it takes feedback with a picture from one thread after the other."""
    log = tmp_path / "log.sqlite"
    command = [sys.executable, "-m", "aletheia.cli", "serve", "--model", str(bundle), "--port", "0", "--no-page"]
    command += ["--prediction-log", str(log), "--keep-feedback-pictures", "--limit", "feedback_per_hour=10000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = next(line.split()[-1] for line in process.stderr if "Ready at" in line).removesuffix("/docs")
        confirmed = []
        with httpx.Client(base_url=url, timeout=PATIENCE) as client:
            answers = [client.post("/v1/predict", files={"file": photo}).json() for _ in range(3)]
            with contextlib.suppress(httpx.HTTPError):
                for number in range(100_000):
                    answer, label = answers[number % 3], ("genuine", "fake")[number // 3 % 2]
                    extra = {"files": {"file": photo}, "data": said(answer, label, consent="true")}
                    sent = client.post("/v1/feedback", **(extra if number < 3 else {"json": said(answer, label)}))
                    assert sent.status_code == 200
                    confirmed.append((answer["id"], label))
                    if number == 12:  # in the middle of what follows
                        threading.Timer(0.05, process.kill).start()
    store = FeedbackStore(store_path(tmp_path))
    last = {answer: label for answer, label in confirmed}
    kept = {one.answer: one for one in store.statements()}
    assert set(kept) == set(last)
    # The very last request may have been stored without its answer arriving; all before it stand as confirmed.
    turned = [answer for answer, label in last.items() if LABELS[label] != kept[answer].label]
    assert len(turned) <= 1
    assert all((tmp_path / PICTURES / one.picture).is_file() for one in kept.values())


def test_twenty_callers_at_once(running, folder, photo):
    answers = [running.client.post("/v1/predict", files={"file": photo}).json() for _ in range(4)]
    statuses = []

    def call(number: int) -> None:
        for answer in answers:
            statuses.append(running.client.post("/v1/feedback", json=said(answer, note=str(number))).status_code)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 80
    assert [len(stored(folder, answer)) for answer in answers] == [1] * 4


def test_sources_are_those_of_the_store():
    assert set(get_args(Feedback.model_fields["source"].annotation)) == set(SOURCES)
    assert set(get_args(Feedback.model_fields["label"].annotation)) == set(LABELS)


def test_routes_are_described(running):
    description = running.client.get("/openapi.json").json()["paths"]["/v1/feedback"]["post"]
    assert set(description["requestBody"]["content"]) == {"application/json", "multipart/form-data"}
    assert "picture" not in description["x-codeSamples"][0]["source"]
    assert '"label": "fake"' in description["x-codeSamples"][1]["source"]
    assert feedback_route.router.routes
    assert isinstance(running.app.state.feedback, FeedbackDesk)
