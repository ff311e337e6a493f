"""Counters and histograms of the service, in Prometheus' format."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from aletheia.core.errors import InputError
from aletheia.inference.errors import STATUS
from aletheia.lifecycle.prediction_log.entry import error_entry
from aletheia.models.verdict import CANNOT_TELL

if TYPE_CHECKING:
    from aletheia.inference.predictor import FaceScore, Prediction
    from aletheia.inference.timing import Stages
    from aletheia.inference.video import PersonScore, VideoPrediction
    from aletheia.lifecycle.prediction_log.writer import PredictionLog
    from aletheia.serving.admission import Admission
    from aletheia.serving.model_loading import LoadedModel
    from aletheia.serving.traffic import Assignment

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, with the time of its creation

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
#: Finer about the limits that people set for answers.
_ANSWER_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5, 2.5, 5, 10, 30, 60)
_FACES = (0, 1, 2, 3, 5, 10, 20, 50)
_MODEL = ("version", "release", "role")
_INFO = ("name", "uri", "version", "precision", "release")
_NOT_ENTITLED = ("unauthorised", "forbidden", "method_not_allowed")
_SCORES = tuple(round(0.05 * k, 2) for k in range(1, 20))


class ServiceMetrics:
    """Counters of one service, in a registry of its own: two services in a process do not mix.

    Parameters
    ----------
    loaded : LoadedModel
        The model, for the labels of ``aletheia_model_info``.
    admission : Admission
        The queue whose length is shown.
    log : PredictionLog, optional
        Gets the errors as well.
    """

    def __init__(self, loaded: LoadedModel, admission: Admission, log: PredictionLog | None = None) -> None:
        self._log = log
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("aletheia_requests", "Requests.", ["route", "status"], registry=registry)
        self.errors = Counter("aletheia_errors", "Requests refused, by kind.", ["kind"], registry=registry)
        self.latency = Histogram(
            "aletheia_request_seconds", "Time of a request.", ["route"], buckets=_SECONDS, registry=registry
        )
        self._answer_seconds = Histogram(
            "aletheia_answer_seconds",
            "Time of an answer, the queue included.",
            buckets=_ANSWER_SECONDS,
            registry=registry,
        )
        self._unanswered = Counter(
            "aletheia_unanswered", "Questions that got no answer, by kind of error.", ["kind"], registry=registry
        )
        for kind in (*STATUS, "internal"):  # from zero on: the first one of a kind is an increase, too
            self.errors.labels(kind)
            if kind not in _NOT_ENTITLED:
                self._unanswered.labels(kind)
        self._queue = Histogram(
            "aletheia_queue_seconds", "Time in the queue before an answer.", buckets=_SECONDS, registry=registry
        )
        self._stages = Histogram(
            "aletheia_stage_seconds", "Time of a stage.", ["stage"], buckets=_SECONDS, registry=registry
        )
        self._faces = Histogram("aletheia_faces", "Faces a picture or video.", buckets=_FACES, registry=registry)
        self._scores = Histogram(
            "aletheia_scores", "Probability of fake, each face or person.", buckets=_SCORES, registry=registry
        )
        self._verdicts = Counter(
            "aletheia_verdicts", "Verdicts on pictures and videos.", ["verdict"], registry=registry
        )
        self._answers = Counter("aletheia_answers", "Answers, by the model that gave them.", _MODEL, registry=registry)
        self._failures = Counter(
            "aletheia_model_failures", "Requests at which a model failed.", _MODEL, registry=registry
        )
        self._shadow = Counter(
            "aletheia_shadow_pictures", "Pictures for the model that did not answer.", ["outcome"], registry=registry
        )
        self._abstentions = Counter(
            "aletheia_abstentions", "Faces and people not judged, by cause.", ["cause"], registry=registry
        )
        self._info = Gauge("aletheia_model_info", "The model that answers.", _INFO, registry=registry)
        self._threshold = Gauge("aletheia_model_threshold", "Its threshold.", registry=registry)
        self.set_model(loaded)
        registry.register(_Gauges(admission))
        if log:
            lost = Gauge("aletheia_prediction_log_lost_rows", "Rows that the disk did not take.", registry=registry)
            lost.set_function(lambda: log.lost)
            free = Gauge("aletheia_prediction_log_free_bytes", "Free beside the prediction log.", registry=registry)
            free.set_function(lambda: float(_free_bytes(log.path)))

    def set_model(self, loaded: LoadedModel) -> None:
        """Show another model as the one that answers."""
        self._loaded = loaded
        self._info.clear()
        self._info.labels(loaded.name, loaded.uri, loaded.version, loaded.precision, loaded.release).set(1)
        self._threshold.set(loaded.spec.threshold)

    def count_answer(self, prediction: Prediction | VideoPrediction, assignment: Assignment) -> None:
        """Count an answer, its faces or people, their scores and abstentions."""
        self._answers.labels(*_labels(assignment)).inc()
        parts: Sequence[FaceScore | PersonScore] = getattr(prediction, "people", ()) or getattr(prediction, "faces", ())
        self._faces.observe(len(parts))
        self._verdicts.labels(prediction.verdict).inc()
        for part in parts:
            self._scores.observe(part.probability)
            if part.verdict == CANNOT_TELL:
                self._abstentions.labels(part.cause).inc()

    def count_error(self, kind: str, *, asked: bool = True) -> None:
        """Count a refusal or failure by its kind, see `aletheia.inference.errors.STATUS`.

        It stands in the prediction log where the request asked about a picture or video, and was entitled to an answer.
        """
        self.errors.labels(kind).inc()
        if not asked or kind in _NOT_ENTITLED:
            return
        self._unanswered.labels(kind).inc()
        if self._log:
            loaded = self._loaded
            self._log.append(error_entry(kind, loaded.version, loaded.uri, loaded.release))

    def count_shadow(self, outcome: str) -> None:
        """Count what became of a picture for the model that did not answer, see `aletheia.serving.shadow.OUTCOMES`."""
        self._shadow.labels(outcome).inc()

    @contextlib.contextmanager
    def failures_counted(self, assignment: Assignment) -> Iterator[None]:
        """Count a failure inside that is the service's, by the model that was to answer."""
        try:
            yield
        except InputError as error:
            if getattr(error, "status", 400) >= 500:
                self._failures.labels(*_labels(assignment)).inc()
            raise
        except Exception:
            self._failures.labels(*_labels(assignment)).inc()
            raise

    def observe_stages(self, stages: Stages) -> None:
        """Count the time of each stage of a request that was answered, and of all."""
        self._answer_seconds.observe(stages.total())
        self._queue.observe(stages.seconds["queue"])
        for name, seconds in stages.seconds.items():
            if name != "queue":
                self._stages.labels(name).observe(seconds)

    def exposition(self) -> bytes:
        """Return all metrics as text."""
        return generate_latest(self.registry)


def _labels(assignment: Assignment) -> tuple[str, str, str]:
    return assignment.model.version, assignment.model.release, assignment.role


class _Gauges(Collector):
    """Values that are read when the metrics are requested."""

    def __init__(self, admission: Admission) -> None:
        self._admission, self._process = admission, psutil.Process()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        memory = sum(map(_resident_bytes, self._processes()))
        yield GaugeMetricFamily(
            "aletheia_resident_memory_bytes", "Memory of the service alone.", self._process.memory_info().rss
        )
        yield GaugeMetricFamily("aletheia_family_memory_bytes", "With its decoding processes.", memory)
        yield GaugeMetricFamily("aletheia_waiting_requests", "Requests in the queue.", self._admission.waiting)
        yield GaugeMetricFamily("aletheia_working_requests", "Requests at work.", self._admission.working)

    def _processes(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]


def _resident_bytes(process: psutil.Process) -> int:
    """Return the bytes in memory; 0 for a process that has just ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _free_bytes(path: Path) -> int:
    """Return the bytes that are free on the disk of a file or, before it is there, of its first existing folder."""
    folder = next((parent for parent in path.absolute().parents if parent.is_dir()), Path("/"))
    return shutil.disk_usage(folder).free
