"""Counters of the service, each in a registry of its own."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aletheia.inference.errors import STATUS
from aletheia.inference.predictor import FaceScore, Prediction
from aletheia.inference.timing import Stages
from aletheia.inference.video import PersonScore, VideoPrediction
from aletheia.lifecycle.experiments.assignment import CHALLENGER
from aletheia.serving.admission import Admission
from aletheia.serving.metrics import ServiceMetrics
from aletheia.serving.traffic import Assignment

LOADED = SimpleNamespace(
    name="a", uri="b", version="c", precision="f32", release="v1.0.0", spec=SimpleNamespace(threshold=0.4)
)


def samples(metrics: ServiceMetrics) -> dict[tuple, float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_count_answer():
    metrics, other = (ServiceMetrics(LOADED, Admission(2, 0)) for _ in range(2))
    challenger = Assignment(SimpleNamespace(version="d", release="v1.1.0"), CHALLENGER)
    face = FaceScore((0, 0, 1, 1), 0.9, 0.2, "cannot tell", cause="small face")
    metrics.count_answer(Prediction("cannot tell", 0.2, (face, face)), Assignment(LOADED))
    metrics.count_answer(VideoPrediction("fake", 0.9, (PersonScore(0.9, "fake", (0.0,), (face,)),), 1), challenger)
    metrics.count_answer(Prediction("no face found", None), Assignment(LOADED))
    values = samples(metrics)
    assert values["aletheia_verdicts_total", "cannot tell"] == values["aletheia_verdicts_total", "fake"] == 1
    assert values["aletheia_answers_total", "v1.0.0", "champion", "c"] == 2
    assert values["aletheia_answers_total", "v1.1.0", "challenger", "d"] == 1
    assert values["aletheia_abstentions_total", "small face"] == 2
    assert (values["aletheia_faces_sum",], values["aletheia_faces_count",]) == (3, 3)
    assert (values["aletheia_scores_count",], round(values["aletheia_scores_sum",], 6)) == (3, 1.3)
    assert ("aletheia_verdicts_total", "fake") not in samples(other)
    shown = ("aletheia_model_info", "a", "f32", "v1.0.0", "b", "c")
    assert values[shown] == 1 and values["aletheia_model_threshold",] == 0.4


def test_set_model_shows_one():
    metrics = ServiceMetrics(LOADED, Admission(1, 0))
    later = {**vars(LOADED), "release": "v1.0.1", "spec": SimpleNamespace(threshold=0.7)}
    metrics.set_model(SimpleNamespace(**later))
    values = samples(metrics)
    assert [key[3] for key in values if key[0] == "aletheia_model_info"] == ["v1.0.1"]
    assert values["aletheia_model_threshold",] == 0.7


def test_observe_stages():
    metrics, stages = ServiceMetrics(LOADED, Admission(1, 0)), Stages(queued=2.0)
    stages.seconds["network"] = 0.5
    metrics.observe_stages(stages)
    values = samples(metrics)
    assert values["aletheia_queue_seconds_sum",] == 2.0
    assert values["aletheia_stage_seconds_sum", "network"] == 0.5
    assert ("aletheia_stage_seconds_sum", "queue") not in values
    assert values["aletheia_answer_seconds_count",] == 1
    assert values["aletheia_answer_seconds_sum",] >= 2.0  # with the queue


def test_questions_without_an_answer():
    """Kinds start at zero, so that the first error is an increase; what asked for no answer is another counter's."""
    metrics = ServiceMetrics(LOADED, Admission(1, 0))
    assert {key[1] for key in samples(metrics) if key[0] == "aletheia_unanswered_total"} == {
        *STATUS, "internal"
    } - {"unauthorised", "forbidden", "method_not_allowed"}  # fmt: skip
    for kind, asked in (("internal", True), ("internal", False), ("unauthorised", True)):
        metrics.count_error(kind, asked=asked)
    values = samples(metrics)
    assert values["aletheia_unanswered_total", "internal"] == 1
    assert (values["aletheia_errors_total", "internal"], values["aletheia_errors_total", "unauthorised"]) == (2, 1)


def test_free_bytes(tmp_path):
    log = SimpleNamespace(lost=3, path=tmp_path / "not" / "yet" / "log.sqlite")
    values = samples(ServiceMetrics(LOADED, Admission(1, 0), log))
    assert values["aletheia_prediction_log_lost_rows",] == 3
    assert values["aletheia_prediction_log_free_bytes",] == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)


def test_gauges_of_admission():
    admission = Admission(2, 0)
    metrics = ServiceMetrics(LOADED, admission)
    with admission.turn():
        values = samples(metrics)
    assert (values["aletheia_working_requests",], values["aletheia_waiting_requests",]) == (1, 0)
    assert values["aletheia_family_memory_bytes",] >= values["aletheia_resident_memory_bytes",] > 10e6
