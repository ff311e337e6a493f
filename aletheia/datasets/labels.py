"""Labels of a manifest as arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.schema import LABELS, name_rows
from aletheia.stats.categorical import encode


def fake_flags(df: pd.DataFrame) -> Array:
    """Mask the fake rows of a manifest: bool, shape (n,).

    Raises
    ------
    InputError
        When the table has no rows, no column ``label``, or labels other than ``real`` and ``fake``.
    """
    if "label" not in df.columns or not len(df):
        raise InputError("A manifest with rows and a column 'label' is needed; run it through validate_manifest().")
    codes, values = encode(df["label"])
    wrong = np.flatnonzero((codes < 0) | ~np.isin(codes, [i for i, v in enumerate(values) if v in LABELS]))
    if wrong.size:
        rows = name_rows(wrong[:3], df["label"].iloc[wrong[:3]], wrong.size)
        raise InputError(f"'label' is neither 'real' nor 'fake' in {rows}. Correct these rows or remove them.")
    return np.array([value == "fake" for value in values], dtype=bool)[codes]
