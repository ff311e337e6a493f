"""What is kept of an answer: counts, a row of the prediction log, and the score of the other model of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aletheia.lifecycle.prediction_log.entry import answer_entry
from aletheia.lifecycle.prediction_log.writer import PredictionLog
from aletheia.serving.metrics import ServiceMetrics
from aletheia.serving.schemas import image_answer, video_answer
from aletheia.serving.shadow import ShadowScorer, ShadowTask

if TYPE_CHECKING:
    from aletheia.imaging.reading import Picture
    from aletheia.inference.options import PredictOptions
    from aletheia.inference.prediction import FaceEvidence, Prediction, VideoPrediction
    from aletheia.inference.video import ScoredFrames
    from aletheia.serving.admission import Admission
    from aletheia.serving.config import ServeConfig
    from aletheia.serving.traffic import CurrentRequest, Traffic


class Recorder:
    """Builds answers, and keeps what is kept of them; nothing of that can make one fail, or wait.

    Parameters
    ----------
    traffic : Traffic
        The models, of whose experiment a shadow is started.
    admission : Admission
    config : ServeConfig

    Attributes
    ----------
    metrics : ServiceMetrics
    log : PredictionLog or None
    shadow : ShadowScorer or None
    """

    def __init__(self, traffic: Traffic, admission: Admission, config: ServeConfig) -> None:
        path, experiment = config.prediction_log, traffic.experiment
        self.log = PredictionLog(path, config.max_log_bytes) if path else None
        self.metrics = ServiceMetrics(traffic.champion, admission, self.log)
        self.shadow: ShadowScorer | None = None
        if self.log and experiment and experiment.is_shadowed:
            self.shadow = ShadowScorer(
                admission,
                self.log.append,
                self.metrics.count_shadow,
                max_bytes=config.max_shadow_bytes,
                timeout=config.request_timeout_s,
            )

    def close(self) -> None:
        """End the shadow, and write the rest of the prediction log."""
        if self.shadow:
            self.shadow.close()
        if self.log:
            self.log.close()

    def image(
        self, request: CurrentRequest, prediction: Prediction, picture: Picture, options: PredictOptions | None
    ) -> dict[str, Any]:
        """Return the answer for a picture, and have the other model of an experiment score it as well."""
        assignment = request.assignment
        size = picture.rgb.shape[0], picture.rgb.shape[1]
        answer = image_answer(assignment.model, prediction, size, request.stages, options, assignment.role)
        moment = self._keep(request, prediction, answer, prediction.evidence)
        # Where the caller decides by another threshold, the two models would be compared at one that is neither's.
        is_compared = assignment.is_shadowed and not (options and options.changes_decision)
        if self.shadow and assignment.other and is_compared:
            self.shadow.offer(ShadowTask(picture.rgb, moment, answer["id"], answer["verdict"], assignment.other))
        return answer

    def video(
        self,
        request: CurrentRequest,
        prediction: VideoPrediction,
        scored: ScoredFrames,
        options: PredictOptions | None,
    ) -> dict[str, Any]:
        """Return the answer for a video. The other model of an experiment does not score it: it is gone by then."""
        assignment = request.assignment
        answer = video_answer(assignment.model, prediction, scored.size, request.stages, options, assignment.role)
        with_faces = [frame for frame in scored.evidence if frame]
        self._keep(request, prediction, answer, with_faces[len(with_faces) // 2] if with_faces else ())
        return answer

    def _keep(
        self,
        request: CurrentRequest,
        prediction: Prediction | VideoPrediction,
        answer: dict[str, Any],
        evidence: Sequence[FaceEvidence],
    ) -> float:
        """Count and log an answer; return the time that its row has."""
        self.metrics.count_answer(prediction, request.assignment)
        if self.log is None:
            return 0.0
        other = request.assignment.other
        entry = answer_entry(answer, evidence, (other.version, other.release) if other else ("", ""))
        self.log.append(entry)
        return entry.time
