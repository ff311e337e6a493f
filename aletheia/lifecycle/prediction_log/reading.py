"""Reading of a prediction log as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.lifecycle.prediction_log.table import COLUMNS, open_for_reading, select_columns
from aletheia.models.typical_faces import EMBEDDING_SIZE

#: Columns that the embedding is read into.
EMBEDDING = tuple(f"embedding_{number}" for number in range(EMBEDDING_SIZE))
_PART = 50_000  # rows
_LAST_MOMENT = 9.2e9  # seconds since 1970: the year 2261, the last one of pandas' timestamps


def read_log(
    path: str | Path,
    since: float = 0.0,
    until: float = float("inf"),
    columns: Sequence[str] = tuple(COLUMNS),
    ids: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Read the rows of a span of time, in order of time.

    Parameters
    ----------
    path : path
        The log.
    since, until : float
        Seconds since 1970: from the first on, before the second.
    columns : sequence of str
        Fields of `LogEntry`, ``time`` among them; default: all.
    ids : iterable of str, optional
        Of the answers; default: all.

    Returns
    -------
    DataFrame
        Columns as `LogEntry`; ``time`` as timestamps (UTC), numbers as float with NaN where unknown, and the embedding
        as the columns `EMBEDDING` in place of its bytes.

    Raises
    ------
    InputError
        When there is no log at the path, or the file is another.
    """
    parts = list(read_log_parts(path, since, until, columns, rows=None, ids=ids))
    return parts[0] if parts else to_frame([], columns)


def read_log_parts(
    path: str | Path,
    since: float = 0.0,
    until: float = float("inf"),
    columns: Sequence[str] = tuple(COLUMNS),
    rows: int | None = _PART,
    ids: Iterable[str] | None = None,
) -> Iterator[pd.DataFrame]:
    """Read as `read_log`, so many rows at a time (None: all); a span without rows has no part."""
    names, chosen = list(columns), ""
    values: list[Any] = [since, until]
    if ids is not None:
        chosen = "AND id IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(sorted(set(ids))))
    with open_for_reading(path) as connection:
        columns_read = select_columns(connection, names)
        query = f"SELECT {columns_read} FROM answers WHERE time >= ? AND time < ? {chosen} ORDER BY time, rowid"
        cursor = connection.execute(query, values)
        while records := cursor.fetchall() if rows is None else cursor.fetchmany(rows):
            yield to_frame(records, names)


def latest_version(path: str | Path, until: float = float("inf")) -> str:
    """Return the version that gave the last answer before a moment (seconds since 1970); empty when there was none.

    Raises
    ------
    InputError
        As `read_log`.
    """
    with open_for_reading(path) as connection:
        query = "SELECT version FROM answers WHERE time < ? AND error = '' ORDER BY time DESC LIMIT 1"
        row = connection.execute(query, (until,)).fetchone()
    return str(row[0]) if row else ""


def to_frame(rows: Sequence[tuple[Any, ...]], columns: Sequence[str] = tuple(COLUMNS)) -> pd.DataFrame:
    """Turn rows of the table into what `read_log` returns.

    SQLite keeps whatever was written into a column, and anybody may have written. A number that is none is NaN, a text
    that is none an empty one, and a row without a time is left out.

    Parameters
    ----------
    rows : sequence of tuple
        Values of the columns, in order of time.
    columns : sequence of str
        Their names, ``time`` among them.
    """
    values = dict(zip(columns, zip(*rows, strict=True) if rows else [()] * len(columns), strict=True))
    vectors = _vectors(values.pop("embedding")) if "embedding" in values else {}
    frame = pd.DataFrame({name: _typed(name, items) for name, items in values.items()} | vectors)
    frame = frame[frame["time"].between(0, _LAST_MOMENT)].reset_index(drop=True)
    frame["time"] = pd.to_datetime(frame["time"], unit="s", utc=True)
    return frame


def _typed(name: str, values: Sequence[Any]) -> Array:
    if COLUMNS[name] != "TEXT":
        numbers = _floats(values)
        return numbers if COLUMNS[name] == "REAL" else np.clip(np.nan_to_num(numbers), 0, 2**31).astype(np.int64)
    texts = np.empty(len(values), dtype=object)
    texts[:] = values
    if pd.api.types.infer_dtype(texts) not in ("string", "empty"):
        texts[:] = [value if isinstance(value, str) else "" for value in values]
    return texts


def _floats(values: Sequence[Any]) -> Array:
    try:
        numbers = np.array(values, dtype=float)
    except (ValueError, TypeError):
        numbers = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").to_numpy(float)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _vectors(values: Sequence[Any]) -> dict[str, Array]:
    size = 4 * EMBEDDING_SIZE
    known = np.array([isinstance(data, bytes) and len(data) == size for data in values], dtype=bool)
    vectors = np.full((len(values), EMBEDDING_SIZE), np.nan)
    joined = b"".join(data for data, is_vector in zip(values, known, strict=True) if is_vector)
    vectors[known] = np.frombuffer(joined, "<f4").reshape(-1, EMBEDDING_SIZE)
    return dict(zip(EMBEDDING, vectors.T, strict=True))
