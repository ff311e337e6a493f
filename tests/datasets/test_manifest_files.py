"""Files of manifests, as `read_manifest` reads them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.manifest_files import read_table


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"path,label\n", "no rows"),
        ("path,label\na,real\n".encode("utf-16"), "NUL"),
        (b"path,label\na\0,real\n", "NUL"),
        (b"path,label\n\xff\xfe,real\n", "csv|UTF"),
        (b"path|label\na|real\n", "no column 'path'"),
        (b"path,label\na,real,extra\n", "cannot be read as csv"),
        (b"path,label,label\na,real,real\n", "twice"),
        (b"path,label,width\na,real,wide\n", "row 1"),
    ],
)
def test_read_manifest_irregular_csv(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)


def test_read_manifest_byte_order_mark_and_quotes(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b'\xef\xbb\xbf"path",label,note\r\n"a,b.jpg",real,"two\nlines"\r\nc.jpg,fake,\r\n')
    df = read_manifest(tmp_path / "m.csv")
    assert df["path"].tolist() == [f"{tmp_path}/a,b.jpg", f"{tmp_path}/c.jpg"]
    assert df["note"].tolist() == ["two\nlines", ""]


def test_read_manifest_unusable_files(tmp_path: Path) -> None:
    (tmp_path / "m.parquet").write_bytes(b"PAR1 but not really")
    (tmp_path / "m.pkl").write_bytes(b"cos\nsystem\n")
    for name, message in (("m.parquet", "parquet"), ("m.pkl", "not '.pkl'"), ("none.csv", "no such")):
        with pytest.raises(InputError, match=message):
            read_manifest(tmp_path / name)


@pytest.mark.parametrize("distinct", [1, 150_000])
def test_read_manifest_repeated_rows_are_refused_early(tmp_path: Path, distinct: int) -> None:
    """Four megabytes held 20 million rows, which took four minutes and 4 GB to refuse."""
    number, path = 3_000_000, tmp_path / "manifest.parquet"
    names = pa.DictionaryArray.from_arrays(
        pa.array(np.arange(number) % distinct, pa.int32()), pa.array([f"{i}.png" for i in range(distinct)])
    )
    constant = pa.DictionaryArray.from_arrays(pa.array(np.zeros(number, np.int32)), pa.array(["real"]))
    pa.parquet.write_table(pa.table({"path": names, "label": constant}), path, compression="zstd")
    assert path.stat().st_size < 4 * number
    began = time.process_time()
    with pytest.raises(InputError, match=f"name {distinct:,} files"):
        read_manifest(path)
    assert time.process_time() - began < 2


def test_read_manifest_small_rows_are_read(tmp_path: Path) -> None:
    """Names that count up compress to a byte or two, and are a manifest all the same."""
    number, path = 110_000, tmp_path / "manifest.parquet"
    pd.DataFrame({"path": [f"real/{i}.png" for i in range(number)], "label": "real"}).to_parquet(
        path, compression="zstd"
    )
    assert path.stat().st_size < 4 * number
    assert len(read_manifest(path)) == number


def test_read_manifest_parquet_columns_of_any_name(tmp_path: Path) -> None:
    """Columns are read one by one; a name with a dot is a column of its own, or a part of another."""
    path, texts = tmp_path / "m.parquet", pa.array(["x", "y"])
    table = pa.table({"path": ["a.png", "b.png"], "label": ["real", "fake"], "nested": texts, "nested.part": [1, 2]})
    parts = pa.StructArray.from_arrays([texts], ["part"])
    for written in (table, table.set_column(2, "nested", parts), table.drop_columns("nested.part")):
        pa.parquet.write_table(written, path, row_group_size=1)
        df = read_manifest(path, compact=True)
        for name in written.column_names[2:]:
            assert df[name].tolist() == written[name].to_pylist()
        assert df["path"].tolist() == [str(tmp_path / name) for name in ("a.png", "b.png")]


def test_read_manifest_in_latin_1_names_the_remedy(tmp_path):
    file = tmp_path / "m.csv"
    for text in ("path,label,identity\na.png,real,Müller\n", "path,label,Größe\na.png,real,1\n"):
        file.write_bytes(text.encode("latin-1"))
        with pytest.raises(InputError, match=r"not UTF-8 text .Latin-1 perhaps.*Save it as CSV in UTF-8"):
            read_manifest(file)


def test_read_manifest_refuses_a_cell_of_megabytes(tmp_path):
    """From what the file says of itself: unpacked, one cell would take gigabytes."""
    table = pa.table({"path": ["a.png"], "label": ["real"], "note": ["a" * 30_000_000]})
    pyarrow.parquet.write_table(table, tmp_path / "m.parquet", compression="zstd")
    assert (tmp_path / "m.parquet").stat().st_size < 100_000
    with pytest.raises(InputError, match=r"column 'note' has 30,000,.* bytes in 1 rows; cells of a manifest"):
        read_manifest(tmp_path / "m.parquet")
    (tmp_path / "m.csv").write_text(f"path,label,note\na.png,real,{'a' * 3_000_000}\n")
    with pytest.raises(InputError, match="A row has more than 1,048,576 bytes"):
        read_manifest(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("a" * 3_000_000)
    with pytest.raises(InputError, match="A row has more than"):
        read_manifest(tmp_path / "m.csv")


def test_read_manifest_refuses_thousands_of_columns(tmp_path):
    names = [f"c{k}" for k in range(2000)]
    (tmp_path / "m.csv").write_text(",".join(["path", "label", *names]) + "\n" + "a.png,real" + ",1" * 2000 + "\n")
    pyarrow.parquet.write_table(
        pa.table({"path": ["a.png"], "label": ["real"]} | {name: [1] for name in names}), tmp_path / "m.parquet"
    )
    for suffix in ("csv", "parquet"):
        with pytest.raises(InputError, match="has 2,002 columns, more than the 1,000 that are read"):
            read_manifest(tmp_path / f"m.{suffix}")


def test_read_table_is_text_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "m.CSV").write_text("path;n\na.png;007\n")
    assert read_table(tmp_path / "m.CSV").to_dict("list") == {"path": ["a.png"], "n": ["007"]}
