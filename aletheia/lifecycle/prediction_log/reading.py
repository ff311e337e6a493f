"""Reading of a prediction log as a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from aletheia.lifecycle.prediction_log.table import COLUMNS, open_for_reading
from aletheia.models.typical_faces import EMBEDDING_SIZE

#: Columns that the embedding is read into.
EMBEDDING = tuple(f"embedding_{number}" for number in range(EMBEDDING_SIZE))
_NUMBERS = [name for name, kind in COLUMNS.items() if kind == "REAL" and name != "time"]


def read_log(path: str | Path, since: float = 0.0, until: float = float("inf")) -> pd.DataFrame:
    """Read the rows of a span of time, in order of time.

    Parameters
    ----------
    path : path
        The log.
    since, until : float
        Seconds since 1970: from the first on, before the second.

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
    with open_for_reading(path) as connection:
        query = "SELECT * FROM answers WHERE time >= ? AND time < ? ORDER BY time, rowid"
        rows = connection.execute(query, (since, until)).fetchall()
    frame = pd.DataFrame.from_records(rows, columns=list(COLUMNS))
    frame["time"] = pd.to_datetime(frame["time"].astype(float), unit="s", utc=True)
    frame[_NUMBERS] = frame[_NUMBERS].astype(float)
    vectors = np.full((len(frame), EMBEDDING_SIZE), np.nan)
    for row, data in enumerate(frame.pop("embedding")):
        if isinstance(data, bytes) and len(data) == 4 * EMBEDDING_SIZE:
            vectors[row] = np.frombuffer(data, "<f4")
    return pd.concat([frame, pd.DataFrame(vectors, columns=list(EMBEDDING), index=frame.index)], axis=1)
