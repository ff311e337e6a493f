"""Checking a manifest: pandera's schema, and rules over several columns."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.shards import is_there
from aletheia.datasets.schema import manifest_schema, name_rows, with_all_columns

URI = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")


def validate_manifest(
    df: pd.DataFrame, *, check_files: bool = False, copy: bool = True, compact: bool = False
) -> pd.DataFrame:
    """Check a manifest and bring it into its full form.

    Parameters
    ----------
    df
        Needs ``path`` and ``label``; every other column of the manifest is added, unknown, when missing.
        Further columns are kept as they are.
    check_files
        Also check that each path is a file (URIs are left alone).
    copy
        When False, columns that fit already are shared with ``df``.
    compact
        Keep texts but the path as categoricals; otherwise they become str objects.

    Returns
    -------
    pd.DataFrame
        Every column in its type, rows counted from 0.

    Raises
    ------
    InputError
        Naming the column, the rows (counted from 1) and their faults: wrong labels or splits, duplicate or empty
        paths, invalid numbers, a generator on a real row, missing files, no rows at all.
    """
    import pandera.errors

    full = with_all_columns(df, copy=copy, compact=compact)
    if full.empty:
        raise InputError("The manifest holds no rows.")
    problems: list[str] = []
    try:
        manifest_schema().validate(full, lazy=True, inplace=True)
    except pandera.errors.SchemaErrors as error:
        problems = _describe(error.failure_cases)
    claimed = np.flatnonzero((full["label"] == "real").to_numpy() & (full["generator"] != "").to_numpy())
    if claimed.size:
        rows = name_rows(claimed[:3], full["generator"].iloc[claimed[:3]], claimed.size)
        problems.append(f"'generator' is set on real images in {rows}; only a fake has one")
    if check_files and not problems:
        local = [(i, path) for i, path in enumerate(full["path"]) if not URI.match(path)]
        missing = [(i, path) for i, path in local if not is_there(path)]
        if missing:
            rows = name_rows([i for i, _ in missing[:3]], [path for _, path in missing], len(missing))
            problems.append(f"'path' names no file in {rows} (--manifest-root names the folder that paths count from)")
    if problems:
        raise InputError("The manifest does not fit: " + "; ".join(problems) + ". Correct these rows or remove them.")
    return full


def _describe(failures: pd.DataFrame) -> list[str]:
    lines = []
    for (column, check), cases in failures.groupby(["column", "check"], sort=False):
        rows = cases.drop_duplicates("index").sort_values("index")
        positions = rows["index"].head(3)
        if positions.isna().any():  # a failure of the whole column, such as its type
            lines.append(f"{column!r} {check}")
        else:
            lines.append(f"{column!r} {check} in {name_rows(positions.astype(int), rows['failure_case'], len(rows))}")
    return lines
