"""A running service takes up the model that is put into production, and goes back with a rollback.

A thread asks the tracking server a few times a second which model has the tag. Another one is opened beside the one
that answers, whose requests go on meanwhile, and takes over between two requests; so no request is lost, and none
waits. A model that cannot be opened does not take over: the log says why, and the one before goes on.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from typing import TYPE_CHECKING

from aletheia.core.errors import InputError
from aletheia.release.registry import MODEL_KEY, PRODUCTION, PROJECT, registered_model
from aletheia.serving.model_loading import open_model

if TYPE_CHECKING:
    from aletheia.serving.service import InferenceService
    from aletheia.tracking.reader import Reader

logger = logging.getLogger("aletheia.serving")

_SECONDS = 0.25  # between two questions
_RETRY_SECONDS = 10.0  # after a server that did not answer, or a model that could not be opened


class ProductionFollower:
    """Keeps the model of a service the one in production.

    Parameters
    ----------
    service : InferenceService
    project, key : str
        Whose model in production it is.
    """

    def __init__(self, service: InferenceService, project: str = PROJECT, key: str = MODEL_KEY) -> None:
        self._service, self._project, self._key = service, project, key
        self._uri = f"store://models/{project}/{key}:{PRODUCTION}"
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._reader: Reader | None = None
        self._refused = ""
        self._not_before = 0.0

    def start(self) -> None:
        """Begin to ask, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, daemon=True, name="production-follower")
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a model that is being opened is not waited for."""
        self._stopped.set()

    def poll(self) -> bool:
        """Ask once, and switch if need be; return whether the model was switched.

        Raises
        ------
        InputError
            When the tracking server does not answer, or the model in production cannot be opened.
        """
        artifact, present = self._ask().artifact(self._project, self._key, PRODUCTION), self._service.loaded
        uid = artifact["metadata"]["uid"] if artifact else ""
        if artifact is None or (uid, self._uri) == (present.artifact, present.uri):
            self._refused = ""
            return False
        if uid == self._refused and time.monotonic() < self._not_before:
            return False
        self._refused, self._not_before = uid, time.monotonic() + _RETRY_SECONDS
        loaded = self._service.traffic.kept(uid) or open_model(
            self._service.config, [registered_model(artifact, PRODUCTION)]
        )
        loaded = dataclasses.replace(loaded, uri=self._uri)  # a candidate that was promoted is opened already
        self._service.switch(loaded)
        logger.warning("%s answers from now on (weights %s)", loaded.release or loaded.uri, loaded.version)
        return True

    def _ask(self) -> Reader:
        from aletheia.tracking.connect import reachable_tracking
        from aletheia.tracking.reader import Reader

        if self._reader is None:
            url = reachable_tracking()
            if url is None:
                raise InputError("The tracking server does not answer.")
            self._reader = Reader(url)
        return self._reader

    def _run(self) -> None:
        pause, last = _SECONDS, ""
        while not self._stopped.wait(pause):
            try:
                self.poll()
            except Exception as error:  # what answers goes on answering, whatever is wrong with its successor
                self._reader, pause = None, 1.0
                if str(error) != last:
                    logger.error("the model stays the one that it is: %s", error, exc_info=not _is_expected(error))
                last = str(error)
            else:
                pause, last = _SECONDS, ""


def _is_expected(error: Exception) -> bool:
    return isinstance(error, InputError)
