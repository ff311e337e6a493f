"""What routes, page, jobs and serving graph ask: one loaded model, one decoder, one queue, one place that counts."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.faces.crop import CropError
from aletheia.inference.errors import RequestError
from aletheia.inference.predictor import Prediction, checked_pixels
from aletheia.inference.timing import Stages
from aletheia.inference.video import decide_video
from aletheia.serving.admission import Admission, Turn
from aletheia.serving.config import ServeConfig
from aletheia.serving.decoding import Decoder, Source
from aletheia.serving.metrics import Metrics
from aletheia.serving.model_info import card_text, limits_of
from aletheia.serving.model_loading import Loaded
from aletheia.serving.schemas import image_answer, video_answer

if TYPE_CHECKING:
    from aletheia.inference.explain import Explainer, Explanation

Progress = Callable[[float], None]
_current: contextvars.ContextVar[Stages | None] = contextvars.ContextVar("stages", default=None)


class Service:
    """Answers for pictures and videos. May be shared by threads.

    Whatever cannot be answered raises `aletheia.inference.errors.RequestError`, an InputError whose text is a sentence
    the one who asked.

    Parameters
    ----------
    loaded : Loaded
        The model.
    config : ServeConfig
        The limits.
    decoder : Decoder, optional
        Processes that were started while the model was loading; closed with the service.
    """

    def __init__(self, loaded: Loaded, config: ServeConfig, decoder: Decoder | None = None) -> None:
        self.loaded, self.config = loaded, config
        self.predictor = loaded.predictor
        self.decoder = decoder or Decoder.of(config)
        self.admission = Admission(config.workers, config.queue)
        self.metrics = Metrics(loaded, self.admission)
        self._explainer: Explainer | None = None
        self._lock = threading.Lock()

    @property
    def max_bytes(self) -> int:
        """Of a picture."""
        return self.config.max_upload_bytes

    def close(self) -> None:
        """End the decoding processes."""
        self.decoder.close()

    def answer_image(self, data: bytes) -> dict[str, Any]:
        """Answer for a picture, as ``POST /v1/predict`` does.

        Parameters
        ----------
        data : bytes
            Content of the file: JPEG, PNG, WebP, BMP, TIFF or GIF.

        Returns
        -------
        dict
            See `aletheia.serving.schemas.Answer`; the faces largest first.

        Raises
        ------
        Refused
            When it is no picture, too large, takes too long to decode, or too many wait already.
        """
        with self.admission.turn(self.config.request_timeout_s) as turn:
            return self.image_in_turn(data, turn)

    def answer_video(
        self, source: Source, frames: int | None = None, progress: Progress | None = None
    ) -> dict[str, Any]:
        """Answer for a video.

        Parameters
        ----------
        source : path, bytes or open file
            MP4, MOV, MKV, WebM or AVI.
        frames : int, optional
            How many are looked at, evenly spread; by default ``default_frames``.
        progress : callable, optional
            Told the share that is done, 0 to 1, after each frame; what it raises ends the work.

        Returns
        -------
        dict
            See `aletheia.serving.schemas.Answer`, with ``people``, ``frames`` and ``aggregation``.

        Raises
        ------
        Refused
            Likewise.
        """
        with self.admission.turn(self.config.request_timeout_s) as turn:
            return self.video_in_turn(source, frames, progress, turn)

    def look_closer(self, data: bytes, count: int = 1) -> list[Explanation | None]:
        """Where in the largest faces the network looked, and the spectra of these faces.

        Parameters
        ----------
        data : bytes
            Content of the picture.
        count : int
            How many faces, at most.

        Returns
        -------
        list
            In the order of the answer's ``faces``; None for one that cannot be cut out as those of the training.

        Raises
        ------
        Refused
            As `answer_image`.
        InputError
            When the model's file for this is missing, or another one.
        """
        with self.admission.turn(self.config.request_timeout_s) as turn, self.timed(turn) as stages:
            rgb = self._decoded(data, stages)
            with stages.stage("detect"):
                faces = self.predictor.detector.detect(rgb, stages.check)
            found: list[Explanation | None] = []
            for face in faces[:count]:
                stages.check()
                try:
                    found.append(self._explain(rgb, face))
                except CropError:
                    found.append(None)
            return found

    def provenance(self, data: bytes) -> dict[str, Any]:
        """What the file says of its origin (EXIF, content credentials): evidence beside the score, never part of it.

        Raises
        ------
        Refused
            When reading it takes too long or too much memory.
        """
        self.check_size(len(data), video=False)
        with self.admission.turn(self.config.request_timeout_s):
            return self.decoder.provenance(data)

    def card(self) -> str:
        """The model card, Markdown."""
        return card_text(self.loaded)

    def limits(self) -> dict[str, Any]:
        """What is accepted, and what the model was made for; plain values with a sentence for each."""
        return limits_of(self.config, self.loaded)

    def predict(self, image: bytes | Array) -> Prediction:
        """Answer as `Predictor.predict`, for a caller that has its turn: the serving graph.

        Bytes are decoded in a process of their own. A picture that cannot be read has the verdict ``"error"``.
        """
        stages = _current.get() or Stages(self.config.request_timeout_s)
        try:
            rgb = self._checked(image) if isinstance(image, np.ndarray) else self._decoded(image, stages)
        except RequestError as refused:
            if refused.kind in ("timeout", "not_ready"):
                stages.refused = refused
                raise
            return Prediction("error", None, reason=str(refused))
        except InputError as error:
            return Prediction("error", None, reason=str(error))
        try:
            prediction = self.predictor.predict_pixels(rgb, stages)
        except InputError as error:
            stages.refused = error
            raise
        self.metrics.answered(prediction)
        return prediction

    def image_in_turn(self, data: bytes, turn: Turn) -> dict[str, Any]:
        """`answer_image` for a caller that has its turn."""
        with self.timed(turn) as stages:
            rgb = self._decoded(data, stages)
            prediction = self.predictor.predict_pixels(rgb, stages)
        self.metrics.answered(prediction)
        self.metrics.timed(stages)
        return image_answer(self.loaded, prediction, rgb.shape[:2], stages)

    def video_in_turn(
        self,
        source: Source,
        frames: int | None,
        progress: Progress | None,
        turn: Turn | None,
    ) -> dict[str, Any]:
        """`answer_video` for a caller that has its turn; without one, each frame waits for a turn of its own.

        The latter has no limit of time and lets pictures pass between two frames: for jobs.
        """
        count = self.check_frames(frames)
        with self.timed(turn) as stages:
            times, seen, size = [], [], (0, 0)
            for frame in self.decoder.video(source, count, stages):
                with contextlib.nullcontext() if turn else self.admission.patient():
                    seen.append(self.predictor.detect_and_score(frame.rgb, stages))
                times.append(round(frame.time, 3))
                size = frame.rgb.shape[:2]
                if progress:
                    progress(min(len(seen) / count, 1.0))
            with stages.stage("judge"):
                prediction = decide_video(self.predictor, times, seen)
        self.metrics.answered(prediction)
        self.metrics.timed(stages)
        return video_answer(self.loaded, prediction, size, stages)

    def check_frames(self, frames: int | None) -> int:
        """Frames to look at; refuses a number out of range."""
        if frames is None:
            return self.config.default_frames
        if not 1 <= frames <= self.config.max_frames:
            raise RequestError("bad_request", f"{frames} frames were asked for; choose 1 to {self.config.max_frames}.")
        return frames

    def check_size(self, size: int, *, video: bool) -> None:
        """Refuse a file of too many bytes."""
        limit = self.config.max_video_bytes if video else self.config.max_upload_bytes
        if size > limit:
            what = "video" if video else "picture"
            raise RequestError("too_large", f"The {what} has more than {limit:,} bytes; send a smaller one.")

    @contextlib.contextmanager
    def timed(self, turn: Turn | None) -> Iterator[Stages]:
        """The clock of a request, also for what is called inside without it (`predict`)."""
        stages = Stages(self.config.request_timeout_s, turn.waited) if turn else Stages()
        token = _current.set(stages)
        try:
            yield stages
        finally:
            _current.reset(token)

    def _checked(self, pixels: Array) -> Array:
        if pixels.ndim > 1 and pixels.shape[0] * pixels.shape[1] > self.config.max_pixels:
            raise InputError(f"The picture has more than {self.config.max_pixels:,} pixels. Send a smaller one.")
        return checked_pixels(pixels)

    def _decoded(self, data: bytes, stages: Stages) -> Array:
        self.check_size(len(data), video=False)
        with stages.stage("decode"):
            return self.decoder.image(data, stages.left()).rgb

    def _explain(self, rgb: Array, face: Any) -> Explanation:
        from aletheia.inference.explain import Explainer

        with self._lock:
            if self._explainer is None:
                self._explainer = Explainer(self.loaded.folder, self.loaded.heaviest.spec, threads=1)
        return self._explainer.explain(rgb, face)
