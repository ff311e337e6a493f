"""Files of manifests, CSV and parquet, read within bounds: what a small file unpacks to is looked at first."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from aletheia.core.errors import InputError
from aletheia.datasets.schema import TEXT_COLUMNS, bare

MAX_ROWS = 50_000_000
MAX_BYTES = 4_000_000_000
MAX_COLUMNS = 1000
#: Of a row of a CSV; of a cell of a parquet file, on average; and of a column's cells, whatever their number.
_ROW_BYTES, _CELL_BYTES, _CELLS_BYTES = 1 << 20, 4096, 1 << 24
_CHUNK = 100_000
_BYTES_OF_A_ROW = 4  # in a parquet file with less, the paths may be one and the same; names that count up take 1 to 7


def read_table(path: Path) -> pd.DataFrame:
    """Read a ``.csv`` (all columns text) or ``.parquet`` file as it stands.

    Raises
    ------
    InputError
        When it is neither, cannot be read, or holds more rows, columns or bytes than a manifest has. The message does
        not name the file.
    """
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"A manifest of more than {MAX_BYTES:,} bytes is not read. Split it.")
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise InputError(f"A manifest is a .csv or a .parquet file, not {suffix or 'one without a suffix'!r}.")
    try:
        return _read_csv(path) if suffix == ".csv" else _read_parquet(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        reason = " ".join(str(error).split())[:300]
        if "invalid UTF8" in reason:
            raise InputError(_NO_UTF8) from None
        if "straddl" in reason:
            raise InputError(_LONG_ROW) from None
        raise InputError(f"It cannot be read as {suffix[1:]} ({reason}).") from None


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
