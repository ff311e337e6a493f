"""What happens to a file that was handed in: an answer, a closer look, the file's own story; then it is gone."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from aletheia.core.errors import InputError
from aletheia.serving.uploads import Upload
from aletheia.serving.web import results_html as results
from aletheia.serving.web.explanation_html import FACES, render_explanation
from aletheia.serving.web.gallery import Gallery
from aletheia.serving.web.provenance_html import provenance
from aletheia.serving.web.uploads import Uploads

if TYPE_CHECKING:
    from aletheia.serving.service import Service

#: HTML of the answer, of the closer look, and of what the file says about itself.
Shown = tuple[str, str, str]

_OURS = "Something went wrong on our side, not yours. Try it again; if it stays so, tell whoever runs this page."
_POLL = 0.25  # seconds between two looks at how far a video is
_log = logging.getLogger(__name__)


class Examiner:
    """Examines what is handed in on the page.

    Parameters
    ----------
    service : Service
    uploads : Uploads
        Where the files are.
    gallery : Gallery
        Of whose pictures it is known what they really are.
    """

    def __init__(self, service: Service, uploads: Uploads, gallery: Gallery) -> None:
        self.service, self.uploads, self.gallery = service, uploads, gallery

    def examine(self, token: str) -> Iterator[Shown]:
        """What to show, as it becomes known; an error is shown as a sentence. The file is gone in the end."""
        try:
            with self.uploads.taken(token) as upload:
                yield from self._video(upload) if upload.is_video() else self._picture(upload)
        except InputError as error:
            yield results.problem(str(error)), "", ""
        except Exception:  # the reader of the page can do nothing about it, and must not see its insides
            _log.exception("The page could not answer.")
            yield results.problem(_OURS), "", ""

    def _picture(self, upload: Upload) -> Iterator[Shown]:
        self.service.check_size(upload.size, video=False)
        yield results.waiting("Looking for faces …"), "", ""
        data = upload.read()
        told = self.service.answer_image(data)
        answer = results.answer(told, self.service.loaded.spec, self.gallery.truth(data))
        faces = len(told["faces"])
        yield answer, render_explanation([], faces, busy=True) if faces else "", ""
        origin = provenance(self._provenance(data))
        yield answer, render_explanation([], faces, busy=True) if faces else "", origin
        if faces:
            try:
                seen = self.service.look_closer(data, FACES)
            except Exception as error:  # the answer stands without it
                _note("the faces could not be looked at closely", error)
                yield answer, render_explanation([], faces, failed=True), origin
            else:
                yield answer, render_explanation(seen, faces), origin

    def _video(self, upload: Upload) -> Iterator[Shown]:
        self.service.check_size(upload.size, video=True)
        told = yield from self._watched(upload)
        data = upload.read() if upload.size <= self.service.config.max_upload_bytes else b""
        answer = results.answer(told, self.service.loaded.spec, self.gallery.truth(data))
        yield answer, "", ""
        yield answer, "", provenance(self._provenance(data)) if data else ""

    def _watched(self, upload: Upload) -> Iterator[Shown]:
        """Answer for a video, telling how far it is; leaving early ends the work."""
        shares: queue.SimpleQueue[float] = queue.SimpleQueue()
        left = False

        def tell(share: float) -> None:
            if left:
                raise InputError("Nobody waits for this video any more.")
            shares.put(share)

        yield results.waiting("Looking at the frames …"), "", ""
        pool = ThreadPoolExecutor(1)
        answer: Future[dict[str, Any]] = pool.submit(self.service.answer_video, upload.file, None, tell)
        pool.shutdown(wait=False)
        try:
            while not answer.done():
                try:
                    share = shares.get(timeout=_POLL)
                except queue.Empty:
                    continue
                yield results.waiting("Looking at the frames …", share), "", ""
            return answer.result()
        finally:
            # Nobody waits here for the frame that is looked at: Gradio ends this on the service's event loop. The
            # file, which may be closed by now, is that thread's to stumble over.
            left = True

    def _provenance(self, data: bytes) -> dict[str, Any] | None:
        try:
            return self.service.provenance(data)
        except Exception as error:  # the answer stands without it
            _note("a file's origin could not be read", error)
            return None


def _note(what: str, error: Exception) -> None:
    """Write down what kept us from a part of an answer; a defect of ours with its trace."""
    _log.warning("%s: %s", what, error, exc_info=not isinstance(error, InputError))
