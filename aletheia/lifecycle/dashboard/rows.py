"""The part of a prediction log that charts are made of, as arrays that grow: some 80 bytes a row."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array

#: Columns of texts, kept as numbers: few different ones occur.
TEXTS = ("version", "verdict", "cause", "error", "kind")
#: Columns of numbers.
NUMBERS = ("probability", "ms_total", "megapixels", "face_size", "detection_score", "luma", "contrast", "sharpness",
           "distance")  # fmt: skip
#: Columns of a log that are taken.
TAKEN = ("time", "id", "uri", "release", "role", "faces", *TEXTS, *NUMBERS)
_TYPES = {"time": np.float64, "probability": np.float64, "ms_total": np.float64, "id": np.uint64, "faces": np.int32}


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of a log, in the order in which they were written.

    Attributes
    ----------
    columns : dict of str to ndarray
        (n,) each: ``time`` (seconds since 1970), `NUMBERS` (NaN where unknown), ``faces``, ``id`` (a hash of it), and
        for each of `TEXTS` the index of the text in `texts`.
    texts : dict of str to tuple of str
        The different texts of each of `TEXTS`, in order of appearance.
    releases, uris, roles : dict of str to str
        The last ones of each version; roles are those of a trial on live requests.
    """

    columns: dict[str, Array]
    texts: dict[str, tuple[str, ...]]
    releases: dict[str, str]
    uris: dict[str, str]
    roles: dict[str, str]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def is_text(self, column: str, text: str) -> Array:
        """Return (n,) bool: where the column is this text."""
        known = self.texts[column]
        if text not in known:
            return np.zeros(len(self), dtype=bool)
        result: Array = self.columns[column] == known.index(text)
        return result

    def select(self, where: Array | slice, names: Sequence[str] = ()) -> Rows:
        """Return some of the rows, with all columns or with these."""
        columns = {name: self.columns[name][where] for name in names or self.columns}
        return dataclasses.replace(self, columns=columns)


def hash_ids(ids: Sequence[str]) -> Array:
    """Turn answers' ids into numbers (n,) uint64, by which labels find their answer."""
    hashed: Array = pd.util.hash_array(np.array(list(ids), dtype=object), categorize=False)
    return hashed


class RowStore:
    """Takes rows as they come; hands out all of them without copying.

    Parameters
    ----------
    max_rows : int
        Of which the newest are kept.
    """

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        names = ("time", "faces", "id", *NUMBERS, *TEXTS)
        self._columns = {
            name: np.empty(1024, _TYPES.get(name, np.int32 if name in TEXTS else np.float32)) for name in names
        }
        self._first, self._end = 0, 0
        self._codes: dict[str, dict[str, int]] = {name: {} for name in TEXTS}
        # Of each version, the last one.
        self._latest: dict[str, dict[str, str]] = {"release": {}, "uri": {}, "role": {}}

    def append(self, frame: pd.DataFrame) -> None:
        """Take rows as `aletheia.lifecycle.prediction_log.reading.to_frame` returns them."""
        if not len(frame):
            return
        begin, end = self._end, self._end + len(frame)
        self._reserve(end)
        values = {name: frame[name].to_numpy() for name in ("faces", *NUMBERS)}
        values["time"] = seconds(frame["time"])
        values["id"] = hash_ids(frame["id"].tolist())
        values |= {name: self._code(name, frame[name]) for name in TEXTS}
        for name, column in self._columns.items():
            with np.errstate(over="ignore"):  # a number that is too large becomes infinite, and so unknown
                column[begin:end] = values[name]
        last = frame.drop_duplicates("version", keep="last")
        for name, known in self._latest.items():
            known.update(zip(last["version"], last[name], strict=True))
        self._end = end
        self._first = max(self._first, end - self._max_rows)

    def drop_before(self, time: float) -> None:
        """Forget the oldest rows, as the log does when it is full."""
        times = self._columns["time"][self._first : self._end]
        kept = np.flatnonzero(times >= time)
        self._first += int(kept[0]) if len(kept) else len(times)

    def rows(self) -> Rows:
        """Return the rows as they are now; what is appended later does not change them."""
        part = slice(self._first, self._end)
        columns = {name: values[part] for name, values in self._columns.items()}
        texts = {name: tuple(codes) for name, codes in self._codes.items()}
        return Rows(columns, texts, *(dict(self._latest[name]) for name in ("release", "uri", "role")))

    def _code(self, name: str, texts: pd.Series) -> Array:
        codes, different = pd.factorize(texts)
        known = self._codes[name]
        numbers = np.array([known.setdefault(str(text), len(known)) for text in different], dtype=np.int32)
        result: Array = numbers[codes] if len(numbers) else np.zeros(len(texts), np.int32)
        return result

    def _reserve(self, end: int) -> None:
        """Make room, in new arrays: the old ones may be read at this moment."""
        if end <= len(self._columns["time"]):
            return
        kept = slice(self._first, self._end)
        capacity = 2 * max(end - self._first, 1024)
        for name, column in self._columns.items():
            larger = np.empty(capacity, column.dtype)
            larger[: kept.stop - kept.start] = column[kept]
            self._columns[name] = larger
        self._first, self._end = 0, kept.stop - kept.start


def seconds(times: pd.Series) -> Array:
    """Return timestamps as seconds since 1970 (n,)."""
    result: Array = ((times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(1, "s")).to_numpy(float)
    return result
