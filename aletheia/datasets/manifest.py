"""The manifest: one table a data set, one row a face image; reading and writing its files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.core.paths import check_is_local
from aletheia.datasets.fingerprint import manifest_hash
from aletheia.datasets.manifest_files import read_table
from aletheia.datasets.manifest_paths import as_on_disk, resolve, with_slashes
from aletheia.datasets.schema import (
    DEMOGRAPHICS,
    GROUP_COLUMNS,
    LABELS,
    SPLITS,
)
from aletheia.datasets.spelling import normalise_spelling
from aletheia.datasets.validation import validate_manifest

__all__ = [
    "DEMOGRAPHICS",
    "GROUP_COLUMNS",
    "LABELS",
    "SPLITS",
    "manifest_hash",
    "read_manifest",
    "validate_manifest",
    "write_manifest",
]


def read_manifest(
    path: str | Path, *, root: str | Path | None = None, allow_absolute: bool = False, compact: bool = False
) -> pd.DataFrame:
    """Read a CSV or parquet manifest.

    A manifest from elsewhere must not point at files of this machine that its author does not own. So the
    rule is: a path in it, relative to the root or absolute, stays inside the root. That is the folder that holds the
    manifest, unless the caller names another.
    ``allow_absolute=True`` lifts the rule, for manifests that this machine wrote itself: absolute paths,
    ``..`` and URIs are then taken as they are.

    Parameters
    ----------
    path
        A ``.csv`` (UTF-8; commas, semicolons or tabs; first line the column names) or ``.parquet`` file.
    root
        Folder that relative paths count from and that no path leaves; by default that of the manifest.
    allow_absolute
        Trust the manifest's paths.
    compact
        Keep all texts but the path as categoricals: less than half of the memory, for millions of rows. Splitting,
        balancing, bias and leaks give the same results with both.

    Returns
    -------
    pd.DataFrame
        As :func:`validate_manifest`, with absolute paths. The files need not exist. Spellings are those of the schema
        (:mod:`aletheia.datasets.spelling`); ``attrs["notes"]`` lists what was changed, a sentence each.

    Raises
    ------
    InputError
        When the file cannot be read, is too large, breaks the rule, or does not pass
        :func:`validate_manifest`; when the root is no folder.
    """
    path = Path(path)
    check_is_local(path)
    folder = (path.parent if root is None else Path(root)).resolve()
    if root is not None and not folder.is_dir():
        raise InputError(f"{root}: the paths of {path.name} count from this folder, but there is no such folder.")
    if not path.is_file():
        raise InputError(f"{path}: there is no such manifest file.")
    try:
        df, notes = normalise_spelling(read_table(path), compact=compact)
        df = validate_manifest(df, copy=False, compact=compact)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    df["path"], changed = with_slashes(df["path"].to_numpy(), folder)
    notes += [f"Backslashes in {changed:,} paths were read as slashes."] if changed else []
    df["path"], changed = as_on_disk(resolve(df["path"], path, folder, allow_absolute), folder)
    notes += [f"{changed:,} paths name files whose letters are composed in another way."] if changed else []
    df.attrs["notes"] = notes
    pa.default_memory_pool().release_unused()
    return df


def write_manifest(df: pd.DataFrame, path: str | Path) -> Path:
    """Write a manifest as parquet (or CSV, by the suffix), whole or not at all.

    Paths under the folder of the new file are written relative to it; others stay absolute, and then
    ``read_manifest(…, allow_absolute=True)`` is needed to read the file again.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        As :func:`validate_manifest`; or when the file cannot be written.
    """
    path = Path(path)
    full = validate_manifest(df, copy=False)
    folder = path.resolve().parent.as_posix().rstrip("/") + "/"
    texts = pa.array(full["path"], type=pa.large_string())
    inside = pc.utf8_slice_codeunits(texts, len(folder))
    full["path"] = pc.if_else(pc.starts_with(texts, folder), inside, texts).to_numpy(zero_copy_only=False)
    try:
        # A full disk or Ctrl-C leaves the old file as it was.
        with replacing(path) as file:
            if path.suffix.lower() == ".csv":
                full.to_csv(file, index=False, mode="wb")
            else:
                full.to_parquet(file, index=False, compression="zstd")
    except OSError as error:
        raise InputError(f"{path}: the manifest cannot be written ({error.strerror or error}).") from None
    return path
