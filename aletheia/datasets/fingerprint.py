"""The hash of a manifest's content, which every run that used it records."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aletheia.core.arrays import Array
from aletheia.datasets.schema import as_text
from aletheia.datasets.validation import validate_manifest

# Columns of paths: made relative before hashing, so that a moved data set keeps its hash.
_PATH_COLUMNS = ("path", "original")


def manifest_hash(df: pd.DataFrame) -> str:
    """Hash a manifest's content by SHA-256, 64 hexadecimal digits.

    The hash is the same for the same rows in any order, with columns in any order, wherever the data set lies: paths
    count from their common folder on. Any other change of any cell changes it.
    """
    full = validate_manifest(df, copy=False)
    for name in _PATH_COLUMNS:
        if name in full.columns:
            full[name] = _from_common_folder(full[name])
    full = full.take(pc.sort_indices(pa.array(full["path"], type=pa.large_string())).to_numpy())
    digest = hashlib.sha256(f"aletheia manifest 1, {len(full)} rows".encode())
    for name in sorted(full.columns):
        column = full[name]
        digest.update(f"\0{name}\0".encode())
        if column.dtype.kind in "iub":
            digest.update(column.to_numpy().astype(np.int64 if column.dtype.kind != "u" else np.uint64).tobytes())
        elif column.dtype.kind == "f":
            values = column.to_numpy().astype(np.float64)
            digest.update(np.where(np.isnan(values), np.nan, values + 0.0).tobytes())
        else:
            texts = pa.array(as_text(column), pa.large_string())
            digest.update(pc.binary_length(texts).to_numpy().astype(np.int64).tobytes())
            offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)
            digest.update(memoryview(texts.buffers()[2] or b"")[: offsets[len(texts)]])
    return digest.hexdigest()


def _from_common_folder(paths: pd.Series) -> Array:
    texts = [path.replace("\\", "/") for path in paths]
    # The first and the last in order differ earliest: a prefix that they share, all share.
    common = os.path.commonprefix([min(texts), max(texts)])  # noqa: RUF071 - cut at a / below
    start = len(common.rpartition("/")[0]) + 1 if "/" in common else 0
    return np.array([text[start:] for text in texts], dtype=object)
