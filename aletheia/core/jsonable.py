"""Numbers and tables as values that JSON can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def to_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Convert the rows of a table to dictionaries for JSON; NaN becomes None."""
    return [{str(key): to_jsonable(value) for key, value in row.items()} for row in table.to_dict("records")]


def to_jsonable(value: Any) -> Any:
    """Convert a NumPy scalar to a Python one; NaN and infinities become None."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
