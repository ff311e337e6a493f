"""Taking of feedback: what callers say about answers is checked against the prediction log and stored."""

from __future__ import annotations

import logging
import math
import sqlite3
import time
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge
from pydantic import ValidationError

from aletheia.core.errors import DISK_FULL, InputError, is_disk_full_message
from aletheia.core.validation import explain_validation
from aletheia.imaging.media_types import HEAD_BYTES, image_format
from aletheia.imaging.metadata_removal import SUFFIXES
from aletheia.imaging.reading import perceptual_hash
from aletheia.inference.errors import RequestError
from aletheia.lifecycle.feedback.pictures import PictureStore
from aletheia.lifecycle.feedback.place import pictures_folder, store_path
from aletheia.lifecycle.feedback.statement import LABELS, Evaluation, Statement
from aletheia.lifecycle.feedback.store import FeedbackStore, StoreFullError
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.serving.callers import Callers
from aletheia.serving.feedback_schemas import Feedback

if TYPE_CHECKING:
    from aletheia.serving.admission import Turn
    from aletheia.serving.service import InferenceService

logger = logging.getLogger("aletheia.serving")

NOT_TAKEN = (
    "This service takes no feedback: it writes no prediction log (it was started with --no-record), so that it could "
    "not tell which answer is meant."
)
_UNKNOWN = (
    "There is no answer with this id, or no longer: the prediction log holds the answers of /v1/predict, /v1/jobs, the "
    "V2 protocol and the page, and the oldest make room."
)
_NO_PICTURES = "This service keeps no pictures; leave the picture out, and send the label as JSON."
_NO_CONSENT = "A picture is kept only with consent=true beside it; without, leave the picture out."
_OTHER_PICTURE = "This is not the picture that the answer with this id is about."
_SAME_SCORE = 0.02  # two scores of one picture differ by less; the page sends the very same file
_THANKS = "Noted. It counts when whoever runs this service has accepted it."
_RETRY_SECONDS = 5


class FeedbackDesk:
    """Takes what callers say about the answers of a service that writes a prediction log.

    Parameters
    ----------
    service : InferenceService
        With a log; its configuration has the limits, and whether pictures are kept.

    Attributes
    ----------
    store : FeedbackStore
    pictures : PictureStore or None
        None where pictures are not kept.
    """

    def __init__(self, service: InferenceService) -> None:
        config = service.config
        if service.log is None:
            raise ValueError("feedback needs a prediction log")
        self._service, self._log = service, service.log
        folder = Path(config.prediction_log).absolute().parent
        self.store = FeedbackStore(store_path(folder), config.max_feedback_bytes)
        self.pictures = PictureStore(pictures_folder(folder), config.max_feedback_picture_bytes)
        self.keeps_pictures = config.keep_feedback_pictures
        self.callers = Callers(config.feedback_per_hour)
        registry = service.metrics.registry
        self._counted = Counter("aletheia_feedback", "Statements on answers.", ["label", "source"], registry=registry)
        self._counted_pictures = Counter(
            "aletheia_feedback_pictures", "Pictures given with consent.", ["result"], registry=registry
        )
        if self.keeps_pictures:
            self.pictures.sweep({one.picture for one in self.store.statements()})
            size = Gauge("aletheia_feedback_picture_bytes", "Of the pictures that are kept.", registry=registry)
            size.set_function(self.pictures.size)

    def check_consent(self, feedback: Feedback) -> None:
        """Raise RequestError when a picture must not be kept."""
        if not self.keeps_pictures:
            raise RequestError("bad_request", _NO_PICTURES)
        if not feedback.consent:
            raise RequestError("bad_request", _NO_CONSENT)

    def take(
        self, feedback: Feedback, caller: str, data: bytes | None = None, turn: Turn | None = None
    ) -> dict[str, Any]:
        """Store what a caller says; returns when it is on the disk.

        Parameters
        ----------
        feedback : Feedback
        caller : str
            See `aletheia.serving.callers.Callers.admit`.
        data : bytes, optional
            The picture of the answer, to be kept; the caller holds a turn for it then.

        Returns
        -------
        dict
            See `aletheia.serving.feedback_schemas.FeedbackNote`.

        Raises
        ------
        RequestError
            When there is no such answer, the picture is another or cannot be kept, or there is no place.
        """
        name, looks = "", ""
        try:
            entry = self._log.find(feedback.id)
            if entry is None or entry.error:
                raise RequestError("not_found", _UNKNOWN)
            if data is not None and turn is not None:
                name, looks = self._keep(data, entry, turn)
            stored = self.store.add(_statement(feedback, caller, entry, name, looks), self._evaluation(entry.version))
        except RequestError:
            self._count_picture(data, kept=False)
            raise
        except StoreFullError as error:
            self._count_picture(data, kept=False)
            raise RequestError("no_space", str(error)) from None
        except (sqlite3.Error, OSError, InputError) as error:
            self._count_picture(data, kept=False)
            raise _storage_error(error) from None
        self._counted.labels(feedback.label, feedback.source).inc()
        self._count_picture(data, kept=True)
        return {
            "ok": True,
            "id": feedback.id,
            "label": feedback.label,
            "changed": stored.changes > 0,
            "picture_kept": bool(stored.picture),
            "message": _THANKS,
        }

    def _keep(self, data: bytes, entry: LogEntry, turn: Turn) -> tuple[str, str]:
        """Check that a picture is that of the answer, and keep it without metadata; returns its name and hash."""
        service = self._service
        service.check_size(len(data), video=False)
        if entry.kind != "image":
            raise RequestError("bad_request", "Only pictures are kept; this answer is about a video.")
        with service.timed(turn) as request:
            stages = request.stages
            with stages.stage("decode"):
                picture, stripped = service.decoder.stripped(data, stages.left())
            height, width = picture.rgb.shape[:2]
            if not math.isclose(width * height / 1e6, entry.megapixels or 0.0):
                raise RequestError("bad_request", _OTHER_PICTURE)
            model = service.traffic.model_of(entry.version)
            if model.version == entry.version:
                faces = model.predictor.predict_picture(picture, stages).faces
                scores = [max((f.probability for f in faces), default=None)]
                scores += [max((f.raw_probability for f in faces), default=None)]  # as a caller may have asked for
                if len(faces) != entry.faces or not any(_is_close(score, entry.probability) for score in scores):
                    raise RequestError("bad_request", _OTHER_PICTURE)
        name = self.pictures.add(stripped, SUFFIXES[image_format(stripped[:HEAD_BYTES])])
        return name, f"{perceptual_hash(picture.rgb):016x}"

    def _evaluation(self, version: str) -> Evaluation | None:
        """Return what the model's bundle says of its test, if it is one of the two last and was evaluated."""
        model = self._service.traffic.model_of(version)
        rates = [model.spec.metrics.get(f"test_{name}") for name in ("fpr", "fnr")]
        if model.version != version or not all(isinstance(rate, int | float) for rate in rates):
            return None
        return Evaluation(version, *map(float, rates))  # type: ignore[arg-type]

    def _count_picture(self, data: bytes | None, *, kept: bool) -> None:
        if data is not None:
            self._counted_pictures.labels("kept" if kept else "refused").inc()


def parse_feedback(fields: Mapping[str, Any]) -> Feedback:
    """Read feedback from the fields of a form or JSON; RequestError naming the field that does not fit."""
    try:
        feedback = Feedback(**fields)
    except ValidationError as error:
        raise RequestError("bad_request", f"The feedback does not fit. {explain_validation(error)}") from None
    return feedback.model_copy(update={"detail": _clean(feedback.detail), "note": _clean(feedback.note)})


def _statement(feedback: Feedback, caller: str, entry: LogEntry, picture: str, looks: str) -> Statement:
    return Statement(
        answer=feedback.id,
        caller=caller,
        label=LABELS[feedback.label],
        source=feedback.source,
        time=time.time(),
        detail=feedback.detail,
        note=feedback.note,
        version=entry.version,
        release=entry.release,
        verdict=entry.verdict,
        probability=entry.probability,
        answered=entry.time,
        picture=picture,
        phash=looks,
    )


def _clean(text: str) -> str:
    """Replace what is no visible character by blanks: an operator's terminal must not obey a stranger's text."""
    return "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text).strip()


def _is_close(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= _SAME_SCORE


def _storage_error(error: Exception) -> RequestError:
    """Return the error for the client; the log gets the reason, which names files."""
    text = str(error)
    if is_disk_full_message(text):
        return RequestError("no_space", f"The feedback could not be stored. {DISK_FULL}")
    if "locked" in text:
        return RequestError("busy", "The store of feedback is at work; try again.", retry_after=_RETRY_SECONDS)
    logger.error("feedback could not be stored: %s", text[:300])
    return RequestError("not_ready", "Feedback cannot be stored at the moment; the service's log says why.")
