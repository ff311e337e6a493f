"""Handlers of the page: answer for a file that was handed in, explanation and origin; then the file is deleted."""

from __future__ import annotations

import logging
import queue
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from aletheia.core.errors import InputError
from aletheia.serving.uploads import Upload
from aletheia.serving.web.explanation_html import FACES, render_explanation
from aletheia.serving.web.gallery import Gallery
from aletheia.serving.web.provenance_html import render_provenance
from aletheia.serving.web.results_html import render_answer, render_error, render_progress
from aletheia.serving.web.uploads import UploadStore

if TYPE_CHECKING:
    from aletheia.serving.service import InferenceService

#: HTML of the answer, of the explanation, and of the file's origin.
PageContent = tuple[str, str, str]

_INTERNAL_ERROR = (
    "Something went wrong on our side, not yours. Try it again; if it stays so, tell whoever runs this page."
)
_POLL_SECONDS = 0.25  # between two checks of a video's progress
_log = logging.getLogger(__name__)


class Examiner:
    """Examines the files that are handed in on the page.

    Parameters
    ----------
    service : InferenceService
    uploads : UploadStore
        Holds the files.
    gallery : Gallery
        Pictures with known ground truth.
    """

    def __init__(self, service: InferenceService, uploads: UploadStore, gallery: Gallery) -> None:
        self.service, self.uploads, self.gallery = service, uploads, gallery

    def examine(self, token: str) -> Iterator[PageContent]:
        """Yield the content of the page as it becomes available, errors as a sentence; then delete the file."""
        try:
            with self.uploads.taken(token) as upload:
                yield from self._video(upload) if upload.is_video() else self._picture(upload)
        except InputError as error:
            self.service.metrics.count_error(getattr(error, "kind", "bad_request"))
            yield render_error(str(error)), "", ""
        except Exception:  # the reader can do nothing about it, and must not see internals
            _log.exception("The page could not answer.")
            self.service.metrics.count_error("internal")
            yield render_error(_INTERNAL_ERROR), "", ""

    def _picture(self, upload: Upload) -> Iterator[PageContent]:
        self.service.check_size(upload.size, video=False)
        yield render_progress("Looking for faces …"), "", ""
        data = upload.read()
        answer = self.service.answer_image(data)
        version = answer["model"]["version"]
        result = render_answer(answer, self.service.traffic.model_of(version).spec, self.gallery.truth(data))
        faces = len(answer["faces"])
        yield result, render_explanation([], faces, busy=True) if faces else "", ""
        origin = render_provenance(self._provenance(data))
        yield result, render_explanation([], faces, busy=True) if faces else "", origin
        if faces:
            try:
                explanations = self.service.explain_image(data, FACES, version)
            except Exception as error:  # the answer is valid without it
                _log_failure("the faces could not be explained", error)
                yield result, render_explanation([], faces, failed=True), origin
            else:
                yield result, render_explanation(explanations, faces), origin

    def _video(self, upload: Upload) -> Iterator[PageContent]:
        self.service.check_size(upload.size, video=True)
        answer = yield from self._answer_video(upload)
        data = upload.read() if upload.size <= self.service.config.max_upload_bytes else b""
        spec = self.service.traffic.model_of(answer["model"]["version"]).spec
        result = render_answer(answer, spec, self.gallery.truth(data))
        yield result, "", ""
        yield result, "", render_provenance(self._provenance(data)) if data else ""

    def _answer_video(self, upload: Upload) -> Generator[PageContent, None, dict[str, Any]]:
        """Answer for a video while its progress is shown; closing the generator early ends the work."""
        shares: queue.SimpleQueue[float] = queue.SimpleQueue()
        is_abandoned = False

        def report(share: float) -> None:
            if is_abandoned:
                raise InputError("The reader of the page has left.")
            shares.put(share)

        yield render_progress("Looking at the frames …"), "", ""
        pool = ThreadPoolExecutor(1)
        answer: Future[dict[str, Any]] = pool.submit(self.service.answer_video, upload.file, None, report)
        pool.shutdown(wait=False)
        try:
            while not answer.done():
                try:
                    share = shares.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                yield render_progress("Looking at the frames …", share), "", ""
            return answer.result()
        finally:
            # The current frame is not waited for: Gradio closes this generator on the service's event loop. The file
            # may then be closed while the thread still reads it, which raises an error there and does no harm.
            is_abandoned = True

    def _provenance(self, data: bytes) -> dict[str, Any] | None:
        try:
            return self.service.provenance(data)
        except Exception as error:  # the answer is valid without it
            _log_failure("a file's origin could not be read", error)
            return None


def _log_failure(message: str, error: Exception) -> None:
    """Log why a part of an answer is missing, with a traceback if the cause is a defect of ours."""
    _log.warning("%s: %s", message, error, exc_info=not isinstance(error, InputError))
