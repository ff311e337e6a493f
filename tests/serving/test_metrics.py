"""Counters of the service, each in a registry of its own."""

from __future__ import annotations

from types import SimpleNamespace

from prometheus_client.parser import text_string_to_metric_families

from aletheia.inference.predictor import FaceScore, Prediction
from aletheia.inference.timing import Stages
from aletheia.inference.video import PersonScore, VideoPrediction
from aletheia.serving.admission import Admission
from aletheia.serving.metrics import ServiceMetrics

LOADED = SimpleNamespace(
    name="a", uri="b", version="c", precision="f32", release="v1.0.0", spec=SimpleNamespace(threshold=0.4)
)


def samples(metrics: ServiceMetrics) -> dict[tuple, float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_count_answer():
    metrics, other = (ServiceMetrics(LOADED, Admission(2, 0)) for _ in range(2))
    face = FaceScore((0, 0, 1, 1), 0.9, 0.2, "cannot tell", cause="small face")
    metrics.count_answer(Prediction("cannot tell", 0.2, (face, face)))
    metrics.count_answer(VideoPrediction("fake", 0.9, (PersonScore(0.9, "fake", (0.0,), (face,)),), 1))
    metrics.count_answer(Prediction("no face found", None))
    values = samples(metrics)
    assert values["aletheia_verdicts_total", "cannot tell"] == values["aletheia_verdicts_total", "fake"] == 1
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


def test_gauges_of_admission():
    admission = Admission(2, 0)
    metrics = ServiceMetrics(LOADED, admission)
    with admission.turn():
        values = samples(metrics)
    assert (values["aletheia_working_requests",], values["aletheia_waiting_requests",]) == (1, 0)
    assert values["aletheia_family_memory_bytes",] >= values["aletheia_resident_memory_bytes",] > 10e6
