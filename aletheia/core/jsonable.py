"""Numbers and tables as JSON knows them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def to_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as plain values for JSON; None for NaN."""
    return [{str(key): to_jsonable(value) for key, value in row.items()} for row in table.to_dict("records")]


def to_jsonable(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
