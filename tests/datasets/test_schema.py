"""Columns of a manifest: their types, and errors that name rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.datasets.schema import FLAG_COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS, as_text, name_rows, with_all_columns


@pytest.mark.parametrize(
    ("positions", "values", "total", "expected"),
    [
        ([3], None, None, "row 4"),
        ([0, 8], ["a", "b"], None, "rows 1 ('a'), 9 ('b')"),
        ([0, 1, 2], None, 1003, "rows 1, 2, 3 and 1,000 more"),
        ([5], ["x" * 300], 1, f"row 6 ('{'x' * 30}…{'x' * 90}')"),
    ],
)
def test_name_rows(positions, values, total, expected):
    assert name_rows(positions, values, total) == expected


def test_as_text():
    assert as_text(pd.Series([34.0, np.nan, 2.5, "007", None])).tolist() == ["34", "", "2.5", "007", ""]


def test_as_text_copies():
    column = pd.Series(["a", "b"], dtype=object)
    as_text(column)[0] = "changed"
    assert column[0] == "a"
    as_text(column, copy=False)[0] = "changed"
    assert column[0] == "changed"


def test_with_all_columns():
    full = with_all_columns(pd.DataFrame({"extra": [1.5], "label": ["real"], "path": ["a"]}))
    assert set(full.columns) == {*TEXT_COLUMNS, *NUMBER_COLUMNS, *FLAG_COLUMNS, "extra"}
    assert list(full.columns[:2]) == ["path", "label"]
    assert full["width"].tolist() == [0] and full["has_exif"].tolist() == [False] and full["video"].tolist() == [""]
    assert full["extra"].tolist() == [1.5]
