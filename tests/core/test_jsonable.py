"""NumPy and pandas values for JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from aletheia.core.jsonable import to_jsonable, to_records


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (math.nan, None),
        (np.float64("inf"), None),
        ("text", "text"),
        (None, None),
    ],
)
def test_to_jsonable(value, expected):
    converted = to_jsonable(value)
    assert converted == expected
    assert type(converted) is type(expected)


def test_to_records_is_strict_json():
    table = pd.DataFrame({"name": ["a", "b"], "auc": [0.75, np.nan], 3: np.array([1, 2], np.int32)})
    records = to_records(table)
    assert records == [{"name": "a", "auc": 0.75, "3": 1}, {"name": "b", "auc": None, "3": 2}]
    assert json.loads(json.dumps(records, allow_nan=False)) == records
