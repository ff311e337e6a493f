"""What happens to a file that was handed in: an answer, a closer look, the file's own story; then it is gone."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aletheia.errors import InputError
from aletheia.faces.video import begins_as_video
from aletheia.serving.page import results
from aletheia.serving.page.closer import FACES, closer
from aletheia.serving.page.evidence import provenance
from aletheia.serving.page.gallery import Gallery
from aletheia.serving.page.uploads import Uploads

if TYPE_CHECKING:
    from aletheia.serving.service import Service

#: HTML of the answer, of the closer look, and of what the file says about itself.
Shown = tuple[str, str, str]

_OURS = "Something went wrong on our side, not yours. Try it again; if it stays so, tell whoever runs this page."
_HEAD = 16
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

    def examine(self, payload: Any) -> Iterator[Shown]:
        """What to show, as it becomes known; an error is shown as a sentence. The file is deleted in the end."""
        path = None
        try:
            path = self.uploads.file(payload)
            with path.open("rb") as file:
                head = file.read(_HEAD)
            yield from self._video(path) if begins_as_video(head) else self._picture(path)
        except InputError as error:
            yield results.problem(str(error)), "", ""
        except Exception:  # the reader of the page can do nothing about it, and must not see its insides
            _log.exception("The page could not answer.")
            yield results.problem(_OURS), "", ""
        finally:
            if path is not None:
                self.uploads.delete(path)

    def _picture(self, path: Path) -> Iterator[Shown]:
        self.service.check_size(path.stat().st_size, video=False)
        yield results.waiting("Looking for faces …"), "", ""
        data = path.read_bytes()
        told = self.service.answer_image(data)
        answer = results.answer(told, self.service.loaded.spec, self.gallery.truth(data))
        faces = len(told["faces"])
        yield answer, closer([], faces, busy=True) if faces else "", ""
        origin = provenance(self._provenance(data))
        seen: list[Any] = []
        for number in range(min(faces, FACES)):
            seen.append(self.service.look_closer(data, number))
            yield answer, closer(seen, faces, busy=number + 1 < min(faces, FACES)), origin
        if not faces:
            yield answer, "", origin

    def _video(self, path: Path) -> Iterator[Shown]:
        size = path.stat().st_size
        self.service.check_size(size, video=True)
        told = yield from self._watched(path)
        data = path.read_bytes() if size <= self.service.config.max_upload_bytes else b""
        answer = results.answer(told, self.service.loaded.spec, self.gallery.truth(data))
        yield answer, "", ""
        yield answer, "", provenance(self._provenance(data)) if data else ""

    def _watched(self, path: Path) -> Iterator[Shown]:
        """Answer for a video, telling how far it is; leaving early ends the work."""
        shares: queue.SimpleQueue[float] = queue.SimpleQueue()
        left = False

        def tell(share: float) -> None:
            if left:
                raise InputError("Nobody waits for this video any more.")
            shares.put(share)

        with ThreadPoolExecutor(1) as pool:
            try:
                yield results.waiting("Looking at the frames …"), "", ""
                answer: Future[dict[str, Any]] = pool.submit(self.service.answer_video, path, None, tell)
                while not answer.done():
                    try:
                        share = shares.get(timeout=_POLL)
                    except queue.Empty:
                        continue
                    yield results.waiting("Looking at the frames …", share), "", ""
                return answer.result()
            finally:
                left = True

    def _provenance(self, data: bytes) -> dict[str, Any] | None:
        try:
            return self.service.provenance(data)
        except InputError:  # the answer stands without it
            return None
