"""The service behind routes, page, jobs and serving graph: one model, one decoder, one queue, one set of metrics."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.imaging.reading import Picture
from aletheia.inference.errors import RequestError
from aletheia.inference.options import PredictOptions
from aletheia.inference.predictor import Prediction, checked_pixels
from aletheia.inference.timing import Stages
from aletheia.inference.video import ScoredFrames
from aletheia.lifecycle.experiments.assignment import request_key
from aletheia.serving.admission import Admission, Turn
from aletheia.serving.config import ServeConfig
from aletheia.serving.decoding import Decoder
from aletheia.serving.explanations import Explanations
from aletheia.serving.ipc import Source
from aletheia.serving.model_info import model_card, service_limits
from aletheia.serving.model_loading import LoadedModel
from aletheia.serving.recording import Recorder
from aletheia.serving.traffic import Assignment, CurrentRequest, Traffic, current_request, video_sample

if TYPE_CHECKING:
    from aletheia.inference.explain import Explanation

Progress = Callable[[float], None]


class InferenceService:
    """Answers for pictures and videos. May be shared by threads.

    The models may be switched while requests are answered, see `aletheia.serving.traffic`.

    A request that cannot be answered raises `aletheia.inference.errors.RequestError`, whose text is a sentence for the
    client.

    Parameters
    ----------
    models : LoadedModel or Traffic
        The model, or several.
    config : ServeConfig
        The limits.
    decoder : Decoder, optional
        One whose processes were started while the model was loading; closed with the service.
    """

    def __init__(self, models: LoadedModel | Traffic, config: ServeConfig, decoder: Decoder | None = None) -> None:
        self.traffic, self.config = models if isinstance(models, Traffic) else Traffic(models), config
        self.decoder = decoder or Decoder.from_config(config)
        self.admission = Admission(config.workers, config.queue)
        self.recorder = Recorder(self.traffic, self.admission, config)
        self.metrics, self.log = self.recorder.metrics, self.recorder.log
        self._explanations = Explanations()

    @property
    def loaded(self) -> LoadedModel:
        """The model in production, or the only one."""
        return self.traffic.champion

    def switch(self, loaded: LoadedModel) -> None:
        """Let another model be the champion from the next turn on, see `Traffic.switch`."""
        self.traffic.switch(loaded)
        self.metrics.set_model(loaded)

    def assign(self, key: str | None, content: Iterable[bytes | memoryview], version: str = "") -> Assignment:
        """Give a request its model, by the caller's key or else its content, see `Traffic.assign`."""
        return self.traffic.assign(request_key(key, content), version)

    @property
    def max_bytes(self) -> int:
        """Limit of a picture's file."""
        return self.config.max_upload_bytes

    def close(self) -> None:
        """End the other processes, and write the rest of the prediction log."""
        self.decoder.close()
        self.recorder.close()

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
            Of the model that gave the answer to be explained, see `Traffic.model_of`.

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
        with self.admission.turn(self.config.request_timeout_s) as turn, self.timed(turn) as request:
            rgb = self._decode(data, request.stages).rgb
            return self._explanations.explain(self.traffic.model_of(version), rgb, count, request.stages)

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
        request = current_request() or CurrentRequest(Stages(self.config.request_timeout_s), Assignment(self.loaded))
        stages, model = request.stages, request.assignment.model
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
            prediction = model.predictor.predict_picture(picture, stages, options)
        except InputError as error:
            stages.refused = error
            raise
        if self.log:  # the caller builds an answer of its own
            answer = self.recorder.image(request, prediction, picture, options)
            prediction = dataclasses.replace(prediction, id=answer["id"])
        else:
            self.metrics.count_answer(prediction, request.assignment)
        return prediction

    def image_in_turn(
        self, data: bytes, turn: Turn, options: PredictOptions | None = None, key: str | None = None
    ) -> dict[str, Any]:
        """Answer as `answer_image` for a caller that holds a turn, and may have sent a key, see `assign`."""
        with self.timed(turn, self.assign(key, (data,))) as request:
            picture = self._decode(data, request.stages)
            prediction = request.assignment.model.predictor.predict_picture(picture, request.stages, options)
        self.metrics.observe_stages(request.stages)
        return self.recorder.image(request, prediction, picture, options)

    def video_in_turn(
        self,
        source: Source,
        frames: int | None,
        progress: Progress | None,
        turn: Turn | None,
        options: PredictOptions | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Answer as `answer_video` for a caller that holds a turn; without one, each frame waits for its own.

        The latter has no limit of time and lets pictures pass between two frames: it is for jobs.
        """
        count = self.check_frames(frames)
        with self.timed(turn, self.assign(key, video_sample(source))) as request:
            model, stages = request.assignment.model, request.stages
            predictor = model.predictor.adjusted(options) if options else model.predictor
            scored = ScoredFrames()
            for frame in self.decoder.video(source, count, stages):
                with contextlib.nullcontext() if turn else self.admission.unbounded_turn():
                    scored.add(frame, predictor.detect_and_score(frame.rgb, stages))
                if progress:
                    progress(min(len(scored.times) / count, 1.0))
            with stages.stage("judge"):
                prediction = scored.decide(predictor)
        self.metrics.observe_stages(stages)
        return self.recorder.video(request, prediction, scored, options)

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
    def timed(self, turn: Turn | None, assignment: Assignment | None = None) -> Iterator[CurrentRequest]:
        """Measure the stages of a request and hold on to its model, also for `predict`, which is called inside."""
        stages = Stages(self.config.request_timeout_s, turn.waited) if turn else Stages()
        request = CurrentRequest(stages, assignment or Assignment(self.loaded))
        with request.entered(), self.metrics.failures_counted(request.assignment):
            yield request

    def _check_pixels(self, pixels: Array) -> Array:
        if pixels.ndim > 1 and pixels.shape[0] * pixels.shape[1] > self.config.max_pixels:
            raise InputError(f"The picture has more than {self.config.max_pixels:,} pixels. Send a smaller one.")
        return checked_pixels(pixels)

    def _decode(self, data: bytes, stages: Stages) -> Picture:
        self.check_size(len(data), video=False)
        with stages.stage("decode"):
            return self.decoder.image(data, stages.left())
