"""The search for changes of a log that grows: each look goes on where the one before ended.

What was found and how far the search has come is kept in a file beside the log. However often one looks, what is found
is the same as in one look at the whole log. A file that is damaged, or of another version, is no loss as long as the
rows are in the log: the search starts anew.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import time
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write, check_file
from aletheia.lifecycle.monitoring.drift import SEARCHED, SPACING, Drift, VersionStream
from aletheia.lifecycle.prediction_log.reading import read_log_parts
from aletheia.stats.change_detection import REFERENCE

logger = logging.getLogger(__name__)

#: Seconds after which a row is in the log for sure; younger ones wait for the next look.
SETTLED = 10.0
_FORMAT = 1  # of the file
_MAX_BYTES = 500_000_000
_MAX_VERSIONS, _MAX_DRIFTS = 8, 1000  # that are kept: the latest
#: Seconds between two writes of the file by a process that looks again and again; what it found since then and
#: lost, the next one finds again.
SAVE_SECONDS = 300.0


_UNUSABLE = (
    InputError, OSError, ValueError, TypeError, KeyError, AttributeError, EOFError, zipfile.BadZipFile,
)  # fmt: skip


class DriftWatch:
    """The changes of a log, version by version.

    Parameters
    ----------
    log : path
        The prediction log. What is known of it stands in ``<log>.changes.npz``.
    spacing, reference, by_hour, seed
        As `aletheia.lifecycle.monitoring.drift.find_drift`; what is kept for other ones is not used.

    Attributes
    ----------
    drifts : list of Drift
        All changes so far, in the order in which they were noticed.
    until : float
        Up to when rows were taken, seconds since 1970.
    """

    drifts: list[Drift]
    until: float
    _streams: dict[str, VersionStream]

    def __init__(
        self,
        log: str | Path,
        *,
        spacing: float = SPACING,
        reference: int = REFERENCE,
        by_hour: bool = False,
        seed: int = 0,
    ) -> None:
        self.log = Path(log)
        self.path = self.log.with_name(f"{self.log.name}.changes.npz")
        self._options: dict[str, Any] = {
            "spacing": spacing, "reference": reference, "by_hour": by_hour, "seed": seed,
        }  # fmt: skip
        self._saved = 0.0
        self._load()

    @property
    def compared(self) -> dict[str, int]:
        """Answers that were compared, by version."""
        return {version: stream.detector.rows for version, stream in self._streams.items() if stream.detector.rows}

    def since(self, moment: float, until: float = float("inf")) -> list[Drift]:
        """Return the changes that were noticed from a moment on and before another, seconds since 1970."""
        return [drift for drift in self.drifts if moment <= datetime.fromisoformat(drift.noticed).timestamp() < until]

    def look(self, now: float | None = None) -> list[Drift]:
        """Take the rows that came since the last look, and return the changes that are noticed with them.

        Parameters
        ----------
        now : float, optional
            Seconds since 1970; default: the clock.

        Raises
        ------
        InputError
            When the log cannot be read.
        """
        until = (time.time() if now is None else now) - SETTLED
        found: list[Drift] = []
        if until > self.until:
            try:
                for rows in read_log_parts(self.log, self.until, until, SEARCHED):
                    for version, part in rows.groupby("version", sort=False):
                        found += self._stream(str(version)).update(part)
            except BaseException:
                self._load()  # some rows were taken already, and none twice
                raise
            self.until = until
        found.sort(key=lambda drift: drift.noticed)
        self.drifts = [*self.drifts, *found][-_MAX_DRIFTS:]
        return found

    def save(self, *, at_most_every: float = 0.0) -> None:
        """Keep what is known beside the log; a disk that is full, or a folder that cannot be written, is only logged.

        Parameters
        ----------
        at_most_every : float
            Seconds since the last time before which nothing is written.
        """
        if time.monotonic() - self._saved < at_most_every:
            return
        head: dict[str, Any] = {
            "format": _FORMAT,
            "options": self._options,
            "until": self.until,
            "drifts": [dataclasses.asdict(drift) for drift in self.drifts],
            "streams": [],
        }
        arrays: dict[str, Array] = {}
        for number, (version, stream) in enumerate(self._streams.items()):
            plain, parts = stream.detector.state()
            head["streams"].append({"version": version, "last": stream.last, "detector": plain})
            arrays |= {f"{number}_{name}": values for name, values in parts.items()}
        try:
            with atomic_write(self.path) as file:
                np.savez(file, head=np.frombuffer(json.dumps(head).encode(), dtype=np.uint8), **arrays)
        except (OSError, InputError) as error:
            logger.warning("what is known of changes was not kept: %s", error)
        self._saved = time.monotonic()

    def _stream(self, version: str) -> VersionStream:
        stream = self._streams.pop(version, None) or VersionStream(version, **self._options)
        self._streams[version] = stream  # the last one is the one that answered last
        while len(self._streams) > _MAX_VERSIONS:
            self._streams.pop(next(iter(self._streams)))
        return stream

    def _load(self) -> None:
        self.drifts, self._streams, self.until = [], {}, 0.0
        if not self.path.exists():
            return
        try:
            check_file(self.path, _MAX_BYTES)
            with np.load(self.path, allow_pickle=False) as stored:
                self._restore({name: stored[name] for name in stored.files})
        except _UNUSABLE as error:
            logger.warning("%s cannot be used (%s); the search for changes starts anew.", self.path, error)

    def _restore(self, arrays: dict[str, Array]) -> None:
        head = json.loads(arrays["head"].tobytes())
        if head["format"] != _FORMAT or head["options"] != self._options:
            return
        streams = {}
        for number, stored in enumerate(head["streams"]):
            stream = VersionStream(str(stored["version"]), last=float(stored["last"]), **self._options)
            prefix = f"{number}_"
            parts = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
            stream.detector.restore(stored["detector"], parts)
            streams[stream.version] = stream
        drifts, until = [Drift(**drift) for drift in head["drifts"]], float(head["until"])
        self._streams, self.drifts, self.until = streams, drifts, until
