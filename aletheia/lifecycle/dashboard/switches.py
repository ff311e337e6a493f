"""When another version began to answer: as the log shows it, and as the tracking server has it with who and why."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime
from typing import NamedTuple

import numpy as np

from aletheia.core.errors import InputError
from aletheia.lifecycle.dashboard.rows import Rows
from aletheia.lifecycle.model_versions.catalog import load_catalog
from aletheia.lifecycle.model_versions.history import list_changes
from aletheia.release.registry import PROJECT

logger = logging.getLogger(__name__)

_SECONDS = 15.0  # between two questions to the tracking server


class Switch(NamedTuple):
    """A moment from which on another version answered, or was to answer.

    Attributes
    ----------
    moment : float
        Seconds since 1970.
    version : str
        As people call it.
    action : str
        ``promote``, ``rollback``, ``register``, ``tagged``; ``answers`` for the first answer of a version in the log.
    who, reason : str
        As far as the history says.
    """

    moment: float
    version: str
    action: str
    who: str = ""
    reason: str = ""


def first_answers(rows: Rows, names: dict[str, str]) -> list[Switch]:
    """Return the first answer of every version of a log but the first one.

    Parameters
    ----------
    rows : Rows
        All that are known.
    names : dict of str to str
        What to call each version.
    """
    codes, first = np.unique(rows.columns["version"], return_index=True)
    times = rows.columns["time"]
    begins = sorted((float(times[at]), rows.texts["version"][code]) for code, at in zip(codes, first, strict=True))
    return [Switch(moment, names[version], "answers") for moment, version in begins[1:]]


class History:
    """What the tracking server knows of promotions and rollbacks, asked from time to time in a thread of its own.

    It is never started from here: who looks at a page changes nothing.

    Attributes
    ----------
    switches : list of Switch
        As they were at the last answer.
    problem : str
        Why there was none, as a sentence; empty when there was.
    """

    def __init__(self) -> None:
        self.switches: list[Switch] = []
        self.problem = "The tracking service was not asked yet."
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to ask."""
        threading.Thread(target=self._run, name="dashboard-history", daemon=True).start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()

    def ask(self) -> None:
        """Ask once."""
        from aletheia.tracking.connect import reachable_tracking
        from aletheia.tracking.reader import Reader

        try:
            url = reachable_tracking()
            if url is None:
                self.problem = "The tracking service does not run: who promoted what is not shown."
                return
            with Reader(url) as reader:
                changes = list_changes(load_catalog(reader, PROJECT))
        except InputError as error:
            self.problem = str(error)
            return
        self.switches = [
            Switch(_seconds(change.moment), change.to, change.action, change.who, change.reason)
            for change in changes
            if change.action != "retire"
        ]
        self.problem = ""

    def _run(self) -> None:
        while True:
            try:
                self.ask()
            except Exception as error:  # the page goes on without it
                if self.problem != str(error):
                    logger.exception("the history of versions cannot be read")
                self.problem = str(error)
            if self._stopped.wait(_SECONDS):
                return


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else time.time()
