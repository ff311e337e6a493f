"""The service behind routes, page, jobs and serving graph: one model, one decoder, one queue, one set of metrics."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.faces.crop import CropError
from aletheia.imaging.reading import Picture
from aletheia.inference.errors import RequestError
from aletheia.inference.options import PredictOptions
from aletheia.inference.prediction import FaceEvidence
from aletheia.inference.predictor import Prediction, checked_pixels
from aletheia.inference.timing import Stages
from aletheia.inference.video import ScoredFrames
from aletheia.lifecycle.prediction_log.entry import answer_entry
from aletheia.lifecycle.prediction_log.writer import PredictionLog
from aletheia.serving.admission import Admission, Turn
from aletheia.serving.config import ServeConfig
from aletheia.serving.decoding import Decoder, Source
from aletheia.serving.metrics import ServiceMetrics
from aletheia.serving.model_info import model_card, service_limits
from aletheia.serving.model_loading import LoadedModel
from aletheia.serving.schemas import image_answer, video_answer

if TYPE_CHECKING:
    from aletheia.faces.face import Face
    from aletheia.inference.explain import Explainer, Explanation
    from aletheia.inference.predictor import Predictor

Progress = Callable[[float], None]
_current_stages: contextvars.ContextVar[Stages | None] = contextvars.ContextVar("stages", default=None)
_current_model: contextvars.ContextVar[LoadedModel | None] = contextvars.ContextVar("model", default=None)


class InferenceService:
    """Answers for pictures and videos. May be shared by threads.

    The model may be switched while requests are answered: each takes the model once, when its turn begins, and keeps it
    until its answer is written, so that no answer mixes two.

    A request that cannot be answered raises `aletheia.inference.errors.RequestError`, whose text is a sentence for the
    client.

    Parameters
    ----------
    loaded : LoadedModel
        The model.
    config : ServeConfig
        The limits.
    decoder : Decoder, optional
        One whose processes were started while the model was loading; closed with the service.
    """

    def __init__(self, loaded: LoadedModel, config: ServeConfig, decoder: Decoder | None = None) -> None:
        self.loaded, self.config = loaded, config
        self._previous = loaded
        self.decoder = decoder or Decoder.from_config(config)
        self.admission = Admission(config.workers, config.queue)
        log = config.prediction_log
        self.log = PredictionLog(log, config.max_log_bytes) if log else None
        self.metrics = ServiceMetrics(loaded, self.admission, self.log)
        self._explainer: tuple[LoadedModel, Explainer] | None = None
        self._lock = threading.Lock()

    @property
    def answering(self) -> LoadedModel:
        """The model of the request at hand, see `timed`; outside of one that of the next request."""
        return _current_model.get() or self.loaded

    @property
    def predictor(self) -> Predictor:
        """The predictor of `answering`."""
        return self.answering.predictor

    def switch(self, loaded: LoadedModel) -> None:
        """Let another model answer from the next turn on; the one before is kept, see `model_of`."""
        self._previous, self.loaded = self.loaded, loaded
        self.metrics.set_model(loaded)

    def model_of(self, version: str) -> LoadedModel:
        """Return the model with the version that an answer names, of the two last ones; else the present one."""
        return next((model for model in (self.loaded, self._previous) if model.version == version), self.loaded)

    def kept(self, artifact: str) -> LoadedModel | None:
        """Return the model of an artifact if it is one of the two last ones, which are still open."""
        return next((model for model in (self.loaded, self._previous) if model.artifact == artifact), None)

    @property
    def max_bytes(self) -> int:
        """Limit of a picture's file."""
        return self.config.max_upload_bytes

    def close(self) -> None:
        """End the decoding processes, and write the rest of the prediction log."""
        self.decoder.close()
        if self.log:
            self.log.close()

    def answer_image(self, data: bytes, options: PredictOptions | None = None) -> dict[str, Any]:
        """Answer for a picture, as ``POST /v1/predict`` does.

        Parameters
        ----------
        data : bytes
            Content of the file: JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC or AVIF.
        options : PredictOptions, optional
            Wishes of the caller.

        Returns
        -------
        dict
            See `aletheia.serving.schemas.Answer`; the faces largest first.

        Raises
        ------
        RequestError
            When it is no picture, too large, takes too long to decode, or too many wait already.
        """
        with self.admission.turn(self.config.request_timeout_s) as turn:
            return self.image_in_turn(data, turn, options)

    def answer_video(
        self, source: Source, frames: int | None = None, progress: Progress | None = None
    ) -> dict[str, Any]:
        """Answer for a video, as ``POST /v1/predict`` does.

        Parameters
        ----------
        source : path, bytes or open file
            Of a format in `aletheia.imaging.media_types.VIDEO_FORMATS`.
        frames : int, optional
            How many are scored, evenly spread; by default ``default_frames``.
        progress : callable, optional
            Called with the share that is done, 0 to 1, after each frame; an exception that it raises ends the work.

        Returns
        -------
        dict
            See `aletheia.serving.schemas.Answer`, with ``people``, ``frames`` and ``aggregation``.

        Raises
        ------
        RequestError
            As `answer_image`.
        """
        with self.admission.turn(self.config.request_timeout_s) as turn:
            return self.video_in_turn(source, frames, progress, turn)

    def explain_image(self, data: bytes, count: int = 1, version: str = "") -> list[Explanation | None]:
        """Explain the largest faces of a picture: maps of the network's attention, and the spectra of the faces.

        Parameters
        ----------
        data : bytes
            Content of the picture.
        count : int
            How many faces, at most.
        version : str
            Of the model that gave the answer to be explained, see `model_of`.

        Returns
        -------
        list
            In the order of the answer's ``faces``; None for a face that cannot be cropped as in the training.

        Raises
        ------
        RequestError
            As `answer_image`.
        InputError
            When the model's network for explanations is missing or does not fit its hash.
        """
        with self.admission.turn(self.config.request_timeout_s) as turn, self.timed(turn) as stages:
            rgb, model = self._decode(data, stages).rgb, self.model_of(version)
            with stages.stage("detect"):
                faces = model.predictor.detector.detect(rgb, stages.check)
            explanations: list[Explanation | None] = []
            for face in faces[:count]:
                stages.check()
                try:
                    explanations.append(self._explain(model, rgb, face))
                except CropError:
                    explanations.append(None)
            return explanations

    def provenance(self, data: bytes) -> dict[str, Any]:
        """Read the file's own record of its origin (EXIF, content credentials), which is never part of the score.

        Raises
        ------
        RequestError
            When reading it takes too long or too much memory.
        """
        self.check_size(len(data), video=False)
        with self.admission.turn(self.config.request_timeout_s):
            return self.decoder.provenance(data)

    def card(self) -> str:
        """Return the model card, Markdown."""
        return model_card(self.loaded)

    def limits(self) -> dict[str, Any]:
        """Return the limits of the service and the intended use of the model, see `service_limits`."""
        return service_limits(self.config, self.loaded)

    def predict(self, image: bytes | Array, options: PredictOptions | None = None) -> Prediction:
        """Answer as `Predictor.predict` for a caller that holds a turn: the serving graph.

        Bytes are decoded in another process. A picture that cannot be read has the verdict ``"error"``.
        """
        stages = _current_stages.get() or Stages(self.config.request_timeout_s)
        try:
            if isinstance(image, np.ndarray):
                picture = Picture(self._check_pixels(image))
            else:
                picture = self._decode(image, stages)
        except RequestError as error:
            if error.kind in ("timeout", "not_ready"):
                stages.refused = error
                raise
            return Prediction("error", None, reason=str(error))
        except InputError as error:
            return Prediction("error", None, reason=str(error))
        try:
            prediction = self.predictor.predict_picture(picture, stages, options)
        except InputError as error:
            stages.refused = error
            raise
        self.metrics.count_answer(prediction)
        if self.log:  # the caller builds an answer of its own
            self._log(image_answer(self.answering, prediction, _size(picture.rgb), stages), prediction.evidence)
        return prediction

    def image_in_turn(self, data: bytes, turn: Turn, options: PredictOptions | None = None) -> dict[str, Any]:
        """Answer as `answer_image` for a caller that holds a turn."""
        with self.timed(turn) as stages:
            picture = self._decode(data, stages)
            model = self.answering
            prediction = model.predictor.predict_picture(picture, stages, options)
        self.metrics.count_answer(prediction)
        self.metrics.observe_stages(stages)
        answer = image_answer(model, prediction, _size(picture.rgb), stages, options)
        self._log(answer, prediction.evidence)
        return answer

    def video_in_turn(
        self,
        source: Source,
        frames: int | None,
        progress: Progress | None,
        turn: Turn | None,
        options: PredictOptions | None = None,
    ) -> dict[str, Any]:
        """Answer as `answer_video` for a caller that holds a turn; without one, each frame waits for its own.

        The latter has no limit of time and lets pictures pass between two frames: it is for jobs.
        """
        count = self.check_frames(frames)
        with self.timed(turn) as stages:
            model = self.answering
            predictor = model.predictor.adjusted(options) if options else model.predictor
            scored = ScoredFrames()
            for frame in self.decoder.video(source, count, stages):
                with contextlib.nullcontext() if turn else self.admission.unbounded_turn():
                    scored.add(frame, predictor.detect_and_score(frame.rgb, stages))
                if progress:
                    progress(min(len(scored.times) / count, 1.0))
            with stages.stage("judge"):
                prediction = scored.decide(predictor)
        self.metrics.count_answer(prediction)
        self.metrics.observe_stages(stages)
        answer = video_answer(model, prediction, scored.size, stages, options)
        with_faces = [frame for frame in scored.evidence if frame]
        self._log(answer, with_faces[len(with_faces) // 2] if with_faces else ())
        return answer

    def check_frames(self, frames: int | None) -> int:
        """Return how many frames are scored; RequestError for a number out of range."""
        if frames is None:
            return self.config.default_frames
        if not 1 <= frames <= self.config.max_frames:
            raise RequestError("bad_request", f"{frames} frames were asked for; choose 1 to {self.config.max_frames}.")
        return frames

    def check_size(self, size: int, *, video: bool) -> None:
        """Raise RequestError for a file of too many bytes."""
        limit = self.config.max_video_bytes if video else self.config.max_upload_bytes
        if size > limit:
            kind = "video" if video else "picture"
            raise RequestError("too_large", f"The {kind} has more than {limit:,} bytes; send a smaller one.")

    @contextlib.contextmanager
    def timed(self, turn: Turn | None) -> Iterator[Stages]:
        """Measure the stages of a request and hold on to its model, also for `predict`, which is called inside."""
        stages = Stages(self.config.request_timeout_s, turn.waited) if turn else Stages()
        token, model_token = _current_stages.set(stages), _current_model.set(self.loaded)
        try:
            yield stages
        finally:
            _current_stages.reset(token)
            _current_model.reset(model_token)

    def _log(self, answer: dict[str, Any], evidence: Sequence[FaceEvidence]) -> None:
        if self.log:
            self.log.append(answer_entry(answer, evidence))

    def _check_pixels(self, pixels: Array) -> Array:
        if pixels.ndim > 1 and pixels.shape[0] * pixels.shape[1] > self.config.max_pixels:
            raise InputError(f"The picture has more than {self.config.max_pixels:,} pixels. Send a smaller one.")
        return checked_pixels(pixels)

    def _decode(self, data: bytes, stages: Stages) -> Picture:
        self.check_size(len(data), video=False)
        with stages.stage("decode"):
            return self.decoder.image(data, stages.left())

    def _explain(self, model: LoadedModel, rgb: Array, face: Face) -> Explanation:
        from aletheia.inference.explain import Explainer

        with self._lock:
            if self._explainer is None or self._explainer[0] is not model:
                self._explainer = model, Explainer(model.folder, model.heaviest.spec, threads=1)
            explainer = self._explainer[1]
        return explainer.explain(rgb, face)


def _size(rgb: Array) -> tuple[int, int]:
    height, width = rgb.shape[:2]
    return height, width
