"""The model that does not answer: it scores afterwards, and whatever befalls it costs no answer."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families

from aletheia.core.errors import InputError
from aletheia.inference.predictor import Predictor
from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.models.spec import read_spec
from aletheia.serving import shadow
from aletheia.serving.admission import Admission
from aletheia.serving.recording import Recorder
from aletheia.serving.shadow import AGREED, DISAGREED, DROPPED, FAILED, ShadowScorer, ShadowTask

from ..waiting import PATIENCE
from .helpers import form

PIXELS = np.zeros((40, 40, 3), np.uint8)
COUNTER = "aletheia_shadow_pictures_total"


def counted(client) -> dict[str, float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {s.labels["outcome"]: s.value for family in families for s in family.samples if s.name == COUNTER}


def ask(running, data: bytes, **fields) -> dict:
    response = running.client.post("/v1/predict", **form(data, **fields))
    assert response.status_code == 200, response.text
    return response.json()


def rows_of(log: Path) -> pd.DataFrame:
    """Read a log by id; none before the service has begun it."""
    try:
        return read_log(log).set_index("id")
    except InputError:
        return pd.DataFrame(columns=["other_verdict"])


def other_verdicts(log: pd.DataFrame) -> int:
    return int(log["other_verdict"].ne("").sum())


@pytest.fixture
def shadowed(serving, two_bundles, tmp_path):
    """A service of the first model with a copy of the second one as its shadow, which a test may damage."""
    copy = shutil.copytree(two_bundles[1], tmp_path / "shadow")
    log = tmp_path / "log.sqlite"
    with serving(models=(str(two_bundles[0]),), shadow=str(copy), workers=2, prediction_log=str(log)) as running:
        yield running, copy, lambda: rows_of(log)


def test_both_score_and_one_answers(shadowed, two_bundles, jpeg, until):
    running, _, rows = shadowed
    assert isinstance(running.app.state.service.recorder, Recorder)
    first, second = (Predictor(folder).predict(jpeg) for folder in two_bundles)
    answer = ask(running, jpeg)
    assert answer["probability"] == pytest.approx(first.probability, abs=1e-6) and answer["model"]["role"] == "champion"
    until(lambda: other_verdicts(rows()) == 1)
    row = rows().loc[answer["id"]]
    assert row["other_version"] == read_spec(two_bundles[1]).weights_sha256[:12]
    assert row["other_verdict"] == second.verdict and row["verdict"] == first.verdict
    assert row["other_probability"] == pytest.approx(second.probability, abs=1e-6)
    outcome = AGREED if first.verdict == second.verdict else DISAGREED
    until(lambda: counted(running.client) == {outcome: 1})
    process = running.app.state.service.recorder.shadow._process._process.pid
    assert os.sched_getscheduler(process) == os.SCHED_IDLE


@pytest.mark.slow
def test_not_where_the_caller_decides_nor_for_videos(shadowed, jpeg, clip, until):
    running, _, rows = shadowed
    asked = [ask(running, jpeg, threshold="0.9"), ask(running, clip, frames="2"), ask(running, jpeg)]
    until(lambda: len(rows()) == 3 and other_verdicts(rows()))
    assert [rows()["other_verdict"][answer["id"]] != "" for answer in asked] == [False, False, True]


@pytest.mark.slow
def test_through_the_serving_graph(shadowed, jpeg, until):
    import base64

    running, _, rows = shadowed
    body = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(jpeg).decode()]}]}
    answer = running.client.post("/v2/models/detector/infer", json=body)
    assert answer.status_code == 200 and answer.json()["parameters"]["role"] == "champion"
    until(lambda: other_verdicts(rows()) == 1)


@pytest.mark.slow
def test_both_answer_and_both_score(serving, two_bundles, jpeg, tmp_path, until):
    first, second = map(str, two_bundles)
    log = tmp_path / "log.sqlite"
    values = {"models": (first,), "challenger": second, "shadow": second, "split": 0.5, "prediction_log": str(log)}
    with serving(**values) as running:
        for number in range(8):
            ask(running, jpeg + bytes([number]))
        until(lambda: sum(counted(running.client).values()) == 8)
        until(lambda: other_verdicts(rows_of(log)) == 8)
    rows = read_log(log)
    assert set(rows["role"]) == {"champion", "challenger"}
    verdicts = {}
    for row in rows.itertuples():
        verdicts.setdefault(row.version, set()).add(round(row.probability, 5))
        verdicts.setdefault(row.other_version, set()).add(round(row.other_probability, 5))
    assert all(len(values) == 1 for values in verdicts.values()) and len(verdicts) == 2


@pytest.mark.slow
def test_damaged_while_it_runs(shadowed, jpeg, until, caplog):
    running, copy, rows = shadowed
    (copy / "model.onnx").write_bytes(b"damaged")
    answers = [ask(running, jpeg) for _ in range(5)]
    until(lambda: sum(counted(running.client).values()) == 5)
    outcomes = counted(running.client)
    assert outcomes[FAILED] >= 1 and set(outcomes) <= {FAILED, DROPPED}
    until(lambda: "error" in set(rows()["other_verdict"]))
    assert set(rows().index) == {answer["id"] for answer in answers}
    assert "the shadow failed, and is tried again in 1 s" in caplog.text


@pytest.mark.slow
def test_changed_while_it_runs(shadowed, two_bundles, jpeg, until, caplog):
    """Scores of other weights than the log names would be worse than none."""
    running, copy, _ = shadowed
    shutil.rmtree(copy)
    shutil.copytree(two_bundles[0], copy)
    ask(running, jpeg)
    until(lambda: counted(running.client) == {FAILED: 1})
    assert "the files of the model have changed" in caplog.text


def killed(scorer: ShadowScorer) -> None:
    process = scorer._process
    if process is not None:
        process._process.kill()


@pytest.mark.slow
def test_crashing_while_it_runs(shadowed, jpeg, until):
    """Its process is killed again and again; each request is answered, and each row is there."""
    running, _, rows = shadowed
    scorer, is_over = running.app.state.service.recorder.shadow, threading.Event()

    def kill() -> None:
        while not is_over.wait(0.05):
            killed(scorer)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        answers = [ask(running, jpeg) for _ in range(12)]
        until(lambda: counted(running.client).get(FAILED) or answers.append(ask(running, jpeg)))
        until(lambda: sum(counted(running.client).values()) == len(answers))
    finally:
        is_over.set()
        thread.join()
    until(lambda: len(rows()) == len(answers))
    assert set(rows().index) == {answer["id"] for answer in answers}


# --- the scorer alone, with processes that misbehave


class Sink:
    """Gets what a scorer notes and counts."""

    def __init__(self) -> None:
        self.notes, self.outcomes = [], []

    def scorer(self, command, **values) -> ShadowScorer:
        limits = {"max_bytes": 10_000, "timeout": PATIENCE, "admission": Admission(1, 0), **values}
        return ShadowScorer(limits.pop("admission"), self.notes.append, self.outcomes.append, command=command, **limits)


def script(body: str) -> tuple[str, ...]:
    """A process that says that it is ready and then does something with what it is sent."""
    head = (
        "import os, socket, sys, time; from aletheia.serving.ipc import receive, send\n"
        "link = socket.socket(fileno=int(sys.argv[1])); send(link, {'ready': True})\n"
        "while True:\n    message, _ = receive(link)\n    "
    )
    return sys.executable, "-c", head + body


def task(number: int = 0, pixels=PIXELS) -> ShadowTask:
    model = SimpleNamespace(folder=Path("/none"), precision="f32", version="abc", uri="m")
    return ShadowTask(pixels, float(number), f"id-{number}", "fake", model)


ANSWERS = "send(link, {'verdict': 'real', 'probability': 0.25})"


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(60)",
        "os._exit(1)",
        "os.kill(os.getpid(), 11)",
        "send(link, {'verdict': 'genuine!', 'probability': 0.5})",
        "send(link, {'verdict': 'real', 'probability': 'high'})",
        "link.send(b'x' * 100)",
        "send(link, {'error': 'no'})",
    ],
)
def test_misbehaving_process(until, body):
    sink = Sink()
    scorer = sink.scorer(script(body), timeout=0.5)
    scorer.offer(task())
    until(lambda: sink.outcomes == [FAILED])
    assert [(note.id, note.other_verdict) for note in sink.notes] == [("id-0", "error")]
    scorer.close()


def test_process_that_does_not_start(until, monkeypatch):
    monkeypatch.setattr(shadow, "_FIRST_PAUSE", 3600.0)
    sink = Sink()
    scorer = sink.scorer((sys.executable, "-c", "pass"))
    scorer.offer(task())
    until(lambda: sink.outcomes == [FAILED])
    scorer.offer(task())
    until(lambda: sink.outcomes == [FAILED, DROPPED])  # it is not started again at once
    scorer.close()


def test_recovers_after_a_pause(until, monkeypatch, tmp_path):
    monkeypatch.setattr(shadow, "_FIRST_PAUSE", 0.05)
    mark, sink = tmp_path / "mark", Sink()
    body = f"(os._exit(1) if not os.path.exists({str(mark)!r}) else {ANSWERS})"
    scorer = sink.scorer(script(body))
    scorer.offer(task(1))
    until(lambda: sink.outcomes == [FAILED])
    mark.touch()
    time.sleep(0.1)
    scorer.offer(task(2))
    until(lambda: sink.outcomes == [FAILED, DISAGREED])
    assert sink.notes[-1] == (2.0, "id-2", "real", 0.25)
    scorer.close()


def test_bounded_queue_and_no_work_while_busy(until):
    """While all turns are held nothing is begun; what does not fit is dropped; then the rest is done in order."""
    sink, admission = Sink(), Admission(1, 0)
    scorer = sink.scorer(script(ANSWERS), admission=admission, max_bytes=3 * PIXELS.nbytes)
    with admission.turn():
        for number in range(5):
            scorer.offer(task(number))
        assert (scorer.waiting, sink.outcomes) == (3, [DROPPED, DROPPED])
        time.sleep(0.1)
        assert scorer.waiting == 3 and not sink.notes
    until(lambda: len(sink.notes) == 3)
    assert [note.id for note in sink.notes] == ["id-0", "id-1", "id-2"]
    scorer.offer(task(7))
    until(lambda: len(sink.notes) == 4)  # there is room again
    scorer.close()


def test_close_while_it_works(until):
    """It does not wait for a process that hangs, and leaves none behind."""
    sink = Sink()
    scorer = sink.scorer(script("time.sleep(600)"), timeout=600.0, max_bytes=100_000)
    for number in range(3):
        scorer.offer(task(number))
    until(lambda: scorer.waiting == 2 and scorer._process is not None and scorer._process._ready)
    process = scorer._process._process
    scorer.close()
    assert process.poll() is not None and not scorer._thread.is_alive()
    assert sink.outcomes.count(DROPPED) == 2
    scorer.offer(task())
    assert sink.outcomes.count(DROPPED) == 3


def test_offering_costs_next_to_nothing():
    """What a request pays: the processor time of handing over a picture of 12 megapixels, which is not copied."""
    scorer = Sink().scorer(script("time.sleep(60)"), max_bytes=1 << 40)
    picture = task(pixels=np.zeros((3000, 4000, 3), np.uint8))
    began = time.thread_time()
    for _ in range(1000):
        scorer.offer(picture)
    assert time.thread_time() - began < 0.1  # below 0.1 ms each
    assert scorer._tasks[-1].rgb is picture.rgb
    scorer.close()
