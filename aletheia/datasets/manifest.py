"""The manifest: one table a data set, one row a face image; reading and writing its files."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.core.paths import check_is_local
from aletheia.datasets.fingerprint import manifest_hash
from aletheia.datasets.manifest_paths import as_on_disk, stays_inside, with_slashes
from aletheia.datasets.schema import (
    DEMOGRAPHICS,
    GROUP_COLUMNS,
    LABELS,
    SPLITS,
    TEXT_COLUMNS,
    bare,
    name_rows,
)
from aletheia.datasets.spelling import normalise_spelling
from aletheia.datasets.validation import URI, validate_manifest

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

MAX_ROWS = 50_000_000
MAX_BYTES = 4_000_000_000
MAX_COLUMNS = 1000
#: Of a row of a CSV; of a cell of a parquet file, on average; and of a column's cells, whatever their number.
_ROW_BYTES, _CELL_BYTES, _CELLS_BYTES = 1 << 20, 4096, 1 << 24
_CHUNK = 100_000
_BYTES_OF_A_ROW = 4  # in a parquet file with less, the paths may be one and the same; names that count up take 1 to 7


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
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: a manifest of more than {MAX_BYTES:,} bytes is not read. Split it.")
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise InputError(f"{path}: a manifest is a .csv or a .parquet file, not {suffix or 'one without a suffix'!r}.")
    try:
        df = _read_csv(path) if suffix == ".csv" else _read_parquet(path)
        df, notes = normalise_spelling(df, compact=compact)
        df = validate_manifest(df, copy=False, compact=compact)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        reason = " ".join(str(error).split())[:300]
        if "invalid UTF8" in reason:
            raise InputError(f"{path}: {_NO_UTF8}") from None
        if "straddl" in reason:
            raise InputError(f"{path}: {_LONG_ROW}") from None
        raise InputError(f"{path}: cannot be read as {suffix[1:]} ({reason}).") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    df["path"], changed = with_slashes(df["path"].to_numpy(), folder)
    notes += [f"Backslashes in {changed:,} paths were read as slashes."] if changed else []
    df["path"], changed = as_on_disk(_resolve(df["path"], path, folder, allow_absolute), folder)
    notes += [f"{changed:,} paths name files whose letters are composed in another way."] if changed else []
    df.attrs["notes"] = notes
    pa.default_memory_pool().release_unused()
    return df


_NO_UTF8 = "The file is not UTF-8 text (Latin-1 perhaps, as spreadsheets write it?). Save it as CSV in UTF-8."
_LONG_ROW = (
    f"A row has more than {_ROW_BYTES:,} bytes, which is no row of a manifest; perhaps a quotation mark is not closed."
)


def _check_columns(number: int) -> None:
    if number > MAX_COLUMNS:
        raise InputError(
            f"The file has {number:,} columns, more than the {MAX_COLUMNS:,} that are read. Drop the others."
        )


def _read_csv(path: Path) -> pd.DataFrame:
    data = path.read_bytes()
    if not data.strip():
        raise InputError("The file is empty.")
    if b"\0" in data:
        raise InputError("The file holds NUL bytes: it is no UTF-8 text (UTF-16 perhaps?). Save it as CSV in UTF-8.")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if len(data) > _ROW_BYTES and b"\n" not in data[:_ROW_BYTES]:
        raise InputError(_LONG_ROW)
    try:
        first = data[:_ROW_BYTES].split(b"\n", 1)[0].decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(_NO_UTF8) from None
    first = first.rstrip("\r")
    # Spreadsheets of half the world separate by semicolons.
    delimiter = "," if "," in first else next((mark for mark in ";\t" if mark in first), ",")
    _check_columns(first.count(delimiter) + 1)
    names = next(csv.reader(io.StringIO(first), delimiter=delimiter), [])
    table = pa.csv.read_csv(
        pa.py_buffer(data),
        read_options=pa.csv.ReadOptions(block_size=_ROW_BYTES),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in data),
        # Text stays text ("007" is an identity); the schema turns into numbers what should be numbers.
        convert_options=pa.csv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=False
        ),
    )
    return _to_pandas(table)


def _read_parquet(path: Path) -> pd.DataFrame:
    file = pa.parquet.ParquetFile(path)
    rows = file.metadata.num_rows
    if rows > MAX_ROWS:
        raise InputError(f"The file has {rows:,} rows, more than the {MAX_ROWS:,} that are read. Split it.")
    _check_columns(file.metadata.num_columns)
    _check_cells(file.metadata)
    if rows > _CHUNK and rows * _BYTES_OF_A_ROW > path.stat().st_size and "path" in file.schema_arrow.names:
        _check_distinct_paths(file)
    # A text that repeats is read as a number and its values: normalise_spelling() looks at each value once.
    schema = file.schema_arrow
    repeating = [
        name
        for name in schema.names
        if name in TEXT_COLUMNS and name != "path" and schema.field(name).type in (pa.string(), pa.large_string())
    ]
    file = pa.parquet.ParquetFile(path, read_dictionary=repeating)
    names = [name for name in schema.names if not name.startswith("__index_level_")]
    if len(set(names)) < len(names):  # validation refuses them
        return _to_pandas(file.read(columns=names))
    columns: dict[str, object] = {}
    for name in names:  # one after another, each of arrow's freed before the next is read: memory for one alone
        columns[name] = bare(_to_pandas(file.read(columns=[name], use_threads=False))[name])
        pa.default_memory_pool().release_unused()
    return pd.DataFrame(columns, index=pd.RangeIndex(rows), copy=False)


def _check_cells(metadata: pa.parquet.FileMetaData) -> None:
    """Refuse columns of cells so long that a small file would take gigabytes when it is unpacked."""
    for k in range(metadata.num_row_groups):
        group = metadata.row_group(k)
        for c in range(group.num_columns):
            column = group.column(c)
            if column.total_uncompressed_size > _CELLS_BYTES + _CELL_BYTES * group.num_rows:
                raise InputError(
                    f"The column {column.path_in_schema[:100]!r} has {column.total_uncompressed_size:,} bytes in "
                    f"{group.num_rows:,} rows; cells of a manifest have at most {_CELL_BYTES:,} on average. Drop it."
                )


def _check_distinct_paths(file: pa.parquet.ParquetFile) -> None:
    """Refuse rows that repeat their paths by this column alone, after as few rows as possible.

    A file of a few megabytes can repeat one row millions of times; read whole, it would take gigabytes and minutes.
    """
    chunks: list[pa.Array] = []
    rows, next_check = 0, _CHUNK
    for batch in file.iter_batches(batch_size=_CHUNK, columns=["path"]):
        paths = batch.column(0)
        chunks.append(paths.dictionary_decode() if isinstance(paths, pa.DictionaryArray) else paths)
        rows += len(batch)
        if rows >= next_check:
            next_check *= 2
            distinct = pc.count_distinct(pa.chunked_array(chunks)).as_py()
            if distinct < rows:
                raise InputError(
                    f"'path' repeats: the first {rows:,} rows name {distinct:,} files. Each row is a picture"
                    " of its own; remove the duplicates."
                )


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    """Convert column by column, each of arrow's freed at once: half the memory of keeping both.

    Texts that repeat are dictionaries by then; to look for others, which are paths, would take time and memory.
    """
    df: pd.DataFrame = table.to_pandas(
        ignore_metadata=True,
        split_blocks=True,
        self_destruct=True,
        deduplicate_objects="path" not in table.column_names,
    )
    return df


def _resolve(paths: pd.Series, manifest: Path, root: Path, allow_absolute: bool) -> Array:
    """Make the paths absolute, in place: of ten million a second copy would take a gigabyte."""
    resolved: Array = paths.to_numpy()
    for start in range(0, len(paths), _CHUNK):
        stop = start + _CHUNK
        resolved[start:stop] = _resolve_some(paths.iloc[start:stop], start, manifest, root, allow_absolute)
    return resolved


def _resolve_some(paths: pd.Series, start: int, manifest: Path, root: Path, allow_absolute: bool) -> Array:
    large = pa.large_string()
    folder = root.as_posix().rstrip("/")
    texts = pa.array(paths, type=large)
    absolute = pc.match_substring_regex(texts, r"^(/|\\|~|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]+:)")
    upward = pc.match_substring_regex(texts, r"(^|[/\\])\.\.([/\\]|$)")
    if not allow_absolute:
        suspicious = np.flatnonzero(pc.or_(absolute, upward).to_numpy(zero_copy_only=False))
        inside = np.fromiter((stays_inside(str(paths.iloc[i]), folder) for i in suspicious), bool, len(suspicious))
        outside = suspicious[~inside]
        if outside.size:
            where = "the manifest's folder" if root == manifest.resolve().parent else folder
            raise InputError(
                f"{manifest}: 'path' leads out of {where} in "
                f"{name_rows(outside[:3] + start, paths.iloc[outside[:3]], outside.size)}. Paths in a "
                "manifest count from its folder and stay inside it; name a folder that holds all images with "
                "--manifest-root."
            )
    joined = pc.binary_join_element_wise(pa.scalar(folder, large), texts, pa.scalar("/", large))
    out: Array = pc.if_else(absolute, texts, joined).to_numpy(zero_copy_only=False)
    irregular = np.flatnonzero(
        pc.match_substring_regex(texts, r"(^|/)\.{0,2}/|(^|/)\.\.?$").to_numpy(zero_copy_only=False)
    )
    for i in irregular:
        if not URI.match(out[i]):
            out[i] = os.path.normpath(out[i])
    return out


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
