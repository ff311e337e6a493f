"""The columns of a manifest, their types and allowed values, and errors that name the rows that break them."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

LABELS = ("real", "fake")
SPLITS = ("train", "val", "test")
#: The part of the test set that register alone scores, see `aletheia.datasets.sealed`.
SEALED = "sealed"
PARTS = (*SPLITS, SEALED)
DEMOGRAPHICS = ("gender", "age", "skin_tone", "ethnicity")
GROUP_COLUMNS = ("identity", "video", "pair")

TEXT_COLUMNS = (
    "path",
    "label",
    "source",
    "generator",
    *GROUP_COLUMNS,
    "split",
    "format",
    "chroma",
    *DEMOGRAPHICS,
)
NUMBER_COLUMNS: dict[str, tuple[Any, Any]] = {
    "width": (np.int32, 0),
    "height": (np.int32, 0),
    "jpeg_quality": (np.float64, np.nan),
    "file_bytes": (np.int64, 0),
    "phash": (np.uint64, 0),
}
FLAG_COLUMNS = ("progressive", "has_exif")
_FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}
_SHOWN = 3


def name_rows(positions: Iterable[int], values: Iterable[object] | None = None, total: int | None = None) -> str:
    """Name a few rows, counted from 1, and the number of the others: ``rows 4 ('Fake'), 9 ('x') and 3 more``."""
    positions = list(positions)
    total = len(positions) if total is None else total
    shown = [str(position + 1) for position in positions[:_SHOWN]]
    if values is not None:
        shown = [f"{row} ({_shortened(str(value))!r})" for row, value in zip(shown, values, strict=False)]
    rest = f" and {total - len(shown):,} more" if total > len(shown) else ""
    return ("row " if total == 1 else "rows ") + ", ".join(shown) + rest


def _shortened(text: str, limit: int = 120) -> str:
    """Cut a text in the middle; most is kept of the end, where paths differ."""
    return text if len(text) <= limit else f"{text[: limit // 4]}…{text[-3 * limit // 4 :]}"


@functools.cache
def manifest_schema() -> DataFrameSchema:
    """Build pandera's schema of a manifest whose columns have their types already (:func:`with_all_columns`)."""
    import pandera.pandas as pa

    filled = pa.Check(lambda s: s != "", error="is empty")
    positive = pa.Check.ge(0, error="is negative")
    quality = pa.Check(lambda s: s.isna() | s.between(1, 100), error="is outside 1 to 100", ignore_na=False)
    unique = pa.Check(lambda s: ~s.duplicated(), error="appears a second time")
    label = pa.Check(lambda s: _among(s, LABELS), error="is neither 'real' nor 'fake'")
    split = pa.Check(lambda s: _among(s, ("", *PARTS)), error="is none of 'train', 'val', 'test' (or empty)")
    checks: dict[str, Any] = {"path": [filled, unique], "label": label, "split": split}
    # with_all_columns() has made every text a str (or a categorical of such) already; nullable spares a million
    # comparisons a column.
    columns = {name: pa.Column(None, checks.get(name), nullable=True) for name in TEXT_COLUMNS}
    for name, (dtype, _) in NUMBER_COLUMNS.items():
        columns[name] = pa.Column(
            dtype, quality if name == "jpeg_quality" else positive, nullable=name == "jpeg_quality"
        )
    for name in FLAG_COLUMNS:
        columns[name] = pa.Column(bool)
    return pa.DataFrameSchema(columns, strict=False)


def _among(series: pd.Series, allowed: tuple[str, ...]) -> pd.Series:
    codes, values = pd.factorize(series)
    is_allowed = np.array([value in allowed for value in values] + [False])
    return pd.Series(is_allowed[codes], index=series.index)


def with_all_columns(df: pd.DataFrame, *, copy: bool = True, compact: bool = False) -> pd.DataFrame:
    """Complete a manifest: every column, of its type, and rows counted from 0.

    With ``copy=False`` columns that fit already are shared with ``df``, not copied; with ``compact=True`` texts but the
    path are categoricals.

    Raises
    ------
    InputError
        When ``path`` or ``label`` is missing, a column appears twice, or a column of numbers holds something else.
    """
    names = [str(name) for name in df.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"The manifest has the column {repeated[0]!r} twice. Rename or drop one of them.")
    missing = [name for name in ("path", "label") if name not in names]
    if missing:
        raise InputError(
            f"The manifest has no column {' and no column '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, names[:12])) or 'no columns'}. It needs 'path' and 'label', separated by "
            "commas in a CSV."
        )
    columns = {name: _typed(name, df[name], copy, compact) for name in names}
    rows = len(df)
    for name in sorted(set(TEXT_COLUMNS) - columns.keys()):
        columns[name] = unstated(rows, compact)
    for name, (dtype, unknown) in NUMBER_COLUMNS.items():
        columns.setdefault(name, np.full(rows, unknown, dtype=dtype))
    for name in FLAG_COLUMNS:
        columns.setdefault(name, np.zeros(rows, dtype=bool))
    ordered = [*TEXT_COLUMNS[:8], *NUMBER_COLUMNS, "format", "chroma", *FLAG_COLUMNS, *DEMOGRAPHICS]
    ordered += [name for name in columns if name not in ordered]
    return pd.DataFrame({name: columns[name] for name in ordered}, copy=False)


def _typed(name: str, column: pd.Series, copy: bool, compact: bool) -> object:
    if name in TEXT_COLUMNS:
        return _coded(column) if compact and name != "path" else as_text(column, copy)
    if name in NUMBER_COLUMNS:
        return _number(name, column, copy)
    if name in FLAG_COLUMNS:
        return _flag(name, column, copy)
    return bare(column.copy() if copy else column)


def _coded(column: pd.Series) -> pd.Categorical:
    """Convert to a categorical of str, ``""`` for missing values."""
    array = column.array
    is_whole = isinstance(array, pd.Categorical) and not array.isna().any()
    if is_whole and pd.api.types.infer_dtype(array.categories) in ("string", "empty"):
        return array
    codes, values = pd.factorize(as_text(column, copy=False))
    return pd.Categorical.from_codes(codes, values)


def unstated(rows: int, compact: bool) -> Array | pd.Categorical:
    """Make a column of empty texts: str objects, or a categorical."""
    if compact:
        return pd.Categorical.from_codes(np.zeros(rows, dtype=np.int8), [""])
    return np.full(rows, "", dtype=object)


def bare(column: pd.Series) -> object:
    """Extract the column's array, which pandas takes into a table without checking every cell."""
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array


def as_text(column: pd.Series, copy: bool = True) -> Array:
    """Convert to objects of type str, ``""`` for missing values; whole numbers lose their ``.0``."""
    values: Array = column.astype(object, copy=False).to_numpy()
    if copy:
        values = values.copy()
    if pd.api.types.infer_dtype(values, skipna=False) == "string":
        return values
    is_missing = pd.isna(values)
    values = np.where(is_missing, "", values)
    if pd.api.types.infer_dtype(values, skipna=False) != "string":
        # An age column of a CSV may have come in as numbers: 34.0 means 34.
        is_whole = np.array([isinstance(v, float | np.floating) and float(v).is_integer() for v in values], bool)
        values[is_whole] = [str(int(v)) for v in values[is_whole]]
        values = np.array([str(v) for v in values], dtype=object)
    return values


def _number(name: str, column: pd.Series, copy: bool) -> Array:
    dtype, unknown = NUMBER_COLUMNS[name]
    if column.dtype == dtype:
        return np.asarray(column.to_numpy(copy=copy))
    if dtype is not np.float64 and pd.api.types.is_integer_dtype(column.dtype) and not column.hasnans:
        numbers, lost = column.to_numpy(), np.zeros(len(column), dtype=bool)
    else:
        empty = column.isna() | (column == "") if column.dtype == object else column.isna()
        filled = column.where(~empty, unknown)
        # phash needs all its 64 bits: never by way of a float.
        numbers = pd.to_numeric(filled, errors="coerce").to_numpy() if name != "phash" else _whole(filled)
        lost = pd.isna(numbers) & ~empty.to_numpy()
        if dtype is not np.float64:
            numbers = np.where(lost, 0, numbers)
    if dtype is not np.float64:
        limits = np.iinfo(dtype)
        with np.errstate(invalid="ignore"):
            lost = lost | (numbers < limits.min) | (numbers > limits.max) | (numbers % 1 != 0)
    bad = np.flatnonzero(np.asarray(lost, dtype=bool))
    if bad.size:
        kind = "number" if dtype is np.float64 else f"whole number from {np.iinfo(dtype).min} to {np.iinfo(dtype).max}"
        raise InputError(
            f"The manifest's column {name!r} holds something that is no {kind} in "
            f"{name_rows(bad[:_SHOWN], column.iloc[bad[:_SHOWN]], bad.size)}. Correct it or leave it empty."
        )
    return np.asarray(numbers).astype(dtype)


def _whole(column: pd.Series) -> Array:
    def parse(value: object) -> object:
        try:
            return int(value)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            return np.nan

    return np.array([parse(value) for value in column], dtype=object)


def _flag(name: str, column: pd.Series, copy: bool) -> Array:
    if column.dtype == bool:
        return np.asarray(column.to_numpy(copy=copy))
    texts = pd.Series(as_text(column)).str.lower()
    texts = texts.replace({"1.0": "1", "0.0": "0"})
    flags = texts.map(_FLAGS)
    bad = np.flatnonzero(flags.isna())
    if bad.size:
        raise InputError(
            f"The manifest's column {name!r} holds something that is neither true nor false in "
            f"{name_rows(bad[:_SHOWN], column.iloc[bad[:_SHOWN]], bad.size)}. Write true or false, or leave it empty."
        )
    return np.asarray(flags.to_numpy(dtype=bool))
