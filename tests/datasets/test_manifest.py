from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.manifest import manifest_hash, read_manifest, validate_manifest, write_manifest


def small(n: int = 6) -> pd.DataFrame:
    labels = ["real", "fake"] * (n // 2)
    return pd.DataFrame({"path": [f"/data/set/{label}/{i}.jpg" for i, label in enumerate(labels)], "label": labels})


def test_everything_unknown_is_filled_in() -> None:
    full = validate_manifest(small())
    assert full["generator"].eq("").all()
    assert full["width"].dtype == np.int32
    assert full["phash"].dtype == np.uint64
    assert full["jpeg_quality"].isna().all()
    assert full["progressive"].dtype == bool


def test_types_are_brought_into_form_and_unknown_columns_kept() -> None:
    df = small().assign(
        age=[34.0, np.nan, 5, 6, 7, 8],
        width=["12", "", "13", "14", "15", "16"],
        phash=[str(2**64 - 1), 3, 4, 5, 6, 7],
        has_exif=["True", "false", 1, 0, "", "TRUE"],
        gender=pd.Categorical(["f", None, "m", "f", "m", "f"]),
        licence=list("abcdef"),
    )
    df.index = [9] * 6
    full = validate_manifest(df)
    assert full["age"].tolist() == ["34", "", "5", "6", "7", "8"]
    assert full["width"].tolist() == [12, 0, 13, 14, 15, 16]
    assert full["phash"].iloc[0] == 2**64 - 1
    assert full["has_exif"].tolist() == [True, False, True, False, False, True]
    assert full["gender"].tolist() == ["f", "", "m", "f", "m", "f"]
    assert full["licence"].tolist() == list("abcdef")
    assert full.index.tolist() == list(range(6))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"label": ["real", "Fake", "real", "fake", "REAL", ""]},
            r"'label'.*rows 2 \('Fake'\), 5 \('REAL'\), 6 \(''\)",
        ),
        ({"path": ["a", "b", "a", "a", "c", "d"]}, r"'path' appears a second time in rows 3 \('a'\), 4 \('a'\)"),
        ({"path": ["a", "b", "", "e", "c", "d"]}, r"'path' is empty in row 3"),
        ({"split": ["train", "valid", "val", "", "test", "dev"]}, r"'split'.*rows 2 \('valid'\), 6 \('dev'\)"),
        ({"generator": ["x", "x", "", "x", "", "x"]}, r"'generator' is set on real images in row 1 \('x'\)"),
        ({"jpeg_quality": [0, 50, 60, 101, 70, np.nan]}, r"'jpeg_quality' is outside 1 to 100 in rows 1.*4"),
        ({"width": [1, -3, 1, 1, 1, 1]}, r"'width' is negative in row 2"),
        ({"width": ["1", "two", "1", "1", "1", "1"]}, r"'width'.*no whole number.*row 2 \('two'\)"),
        ({"width": [1, 1, 2.5, 1, 1, 1]}, r"'width'.*row 3"),
        ({"phash": [1, 1, 1, 1, 1, 2**64]}, r"'phash'.*row 6"),
        ({"phash": ["1", "1.5", "1", "1", "1", "1"]}, r"'phash'.*row 2"),
        ({"has_exif": ["yes", "", "", "", "", ""]}, r"'has_exif'.*row 1 \('yes'\)"),
    ],
)
def test_errors_name_column_rows_and_values(change: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        validate_manifest(small().assign(**change))


def test_errors_come_together_and_count() -> None:
    df = small(1000).assign(split="dev")
    df.loc[3, "label"] = "maybe"
    with pytest.raises(InputError, match=r"'label'.*row 4.*'split'.*and 997 more"):
        validate_manifest(df)


def test_missing_columns_duplicate_columns_and_no_rows() -> None:
    with pytest.raises(InputError, match=r"no column 'label'; it has 'path', 'lable'"):
        validate_manifest(small().rename(columns={"label": "lable"}))
    twice = small()
    twice.columns = ["path", "path"]
    with pytest.raises(InputError, match="'path' twice"):
        validate_manifest(twice)
    with pytest.raises(InputError, match="no rows"):
        validate_manifest(small().iloc[:0])


def test_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "here.jpg").touch()
    df = pd.DataFrame({"path": [str(tmp_path / "here.jpg"), str(tmp_path / "gone.jpg")], "label": ["real", "fake"]})
    with pytest.raises(InputError, match=r"names no file in row 2 \(.*gone.jpg"):
        validate_manifest(df, check_files=True)


def test_the_input_is_not_changed() -> None:
    df = small()
    before = df.copy()
    full = validate_manifest(df)
    full.loc[0, "label"] = "fake"
    pd.testing.assert_frame_equal(df, before)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_round_trip_and_move(tmp_path: Path, suffix: str) -> None:
    here, there = tmp_path / "a", tmp_path / "b"
    df = small().assign(
        path=[f'{here}/x{i}, "y".jpg' for i in range(6)], phash=np.arange(2**63, 2**63 + 6, dtype=np.uint64)
    )
    df["identity"] = ["007", "8", "", "1e5", "NA", "null"]
    df["jpeg_quality"] = [90, 91.5, np.nan, 1, 100, 50]
    written = write_manifest(df, here / f"m{suffix}")
    read = read_manifest(written)
    pd.testing.assert_frame_equal(read, validate_manifest(df))
    there.mkdir()
    moved = written.rename(there / written.name)
    assert read_manifest(moved)["path"].iloc[0] == f'{there}/x0, "y".jpg'
    assert [p.name for p in here.iterdir()] == []


def test_paths_outside_stay_absolute_and_need_trust(tmp_path: Path) -> None:
    df = small().assign(path=[f"/elsewhere/{i}.jpg" for i in range(5)] + ["s3://bucket/6.jpg"])
    written = write_manifest(df, tmp_path / "m.parquet")
    with pytest.raises(InputError, match="leads out of the manifest's folder in rows 1"):
        read_manifest(written)
    assert read_manifest(written, allow_absolute=True)["path"].tolist() == df["path"].tolist()


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "/etc/passwd", "a/../../b.jpg", "file:///etc/passwd", "C:/x.jpg", "~/x", "..", "http://h/x"],
)
def test_a_manifest_from_elsewhere_cannot_point_out_of_its_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "m.csv").write_text(f"path,label\ngood.jpg,real\n{path},fake\n")
    with pytest.raises(InputError, match="leads out of the manifest's folder in row 2"):
        read_manifest(tmp_path / "m.csv")


def test_dots_that_stay_inside_are_normalised(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label\n./a..b/c.jpg,real\nd//e.jpg,fake\n...jpg,fake\n")
    assert read_manifest(tmp_path / "m.csv")["path"].tolist() == [
        f"{tmp_path}/{p}" for p in ("a..b/c.jpg", "d/e.jpg", "...jpg")
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"path,label\n", "no rows"),
        ("path,label\na,real\n".encode("utf-16"), "NUL"),
        (b"path,label\na\0,real\n", "NUL"),
        (b"path,label\n\xff\xfe,real\n", "csv|UTF"),
        (b"path;label\na;real\n", "no column 'path'"),
        (b"path,label\na,real,extra\n", "cannot be read as csv"),
        (b"path,label,label\na,real,real\n", "twice"),
        (b"path,label,width\na,real,wide\n", "row 1"),
    ],
)
def test_odd_csv_files(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)


def test_csv_with_mark_and_quotes(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b'\xef\xbb\xbf"path",label,note\r\n"a,b.jpg",real,"two\nlines"\r\nc.jpg,fake,\r\n')
    df = read_manifest(tmp_path / "m.csv")
    assert df["path"].tolist() == [f"{tmp_path}/a,b.jpg", f"{tmp_path}/c.jpg"]
    assert df["note"].tolist() == ["two\nlines", ""]


def test_odd_files(tmp_path: Path) -> None:
    (tmp_path / "m.parquet").write_bytes(b"PAR1 but not really")
    (tmp_path / "m.pkl").write_bytes(b"cos\nsystem\n")
    for name, says in (("m.parquet", "parquet"), ("m.pkl", "not '.pkl'"), ("none.csv", "no such")):
        with pytest.raises(InputError, match=says):
            read_manifest(tmp_path / name)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_manifest(small(), tmp_path / "m.parquet")
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(InputError, match="No space left"):
        write_manifest(small(8), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.parquet"]


def test_hash_ignores_order_and_place_and_nothing_else() -> None:
    df = validate_manifest(small(20).assign(phash=np.arange(20), jpeg_quality=[np.nan, 80.0] * 10, original="/o/x.jpg"))
    reference = manifest_hash(df)
    assert len(reference) == 64
    shuffled = df.sample(frac=1, random_state=1)[sorted(df.columns, reverse=True)]
    assert manifest_hash(shuffled) == reference
    assert manifest_hash(df.assign(path=df["path"].str.replace("/data/set", "/mnt/elsewhere/d"))) == reference
    for column in df.columns:
        changed = df.copy()
        if column == "label":
            changed.loc[0, "label"] = "fake"
        elif column in ("progressive", "has_exif"):
            changed.loc[3, column] = True
        elif df[column].dtype == object:
            changed.loc[3, column] = "train" if column == "split" else "/data/set/other"
        else:
            changed.loc[3, column] = 77
        assert manifest_hash(changed) != reference, column


def test_hash_does_not_mix_neighbouring_cells() -> None:
    df = small()
    assert manifest_hash(df.assign(video=["ab", "c", "", "", "", ""])) != manifest_hash(
        df.assign(video=["a", "bc", "", "", "", ""])
    )
    assert manifest_hash(df.assign(video="a", pair="")) != manifest_hash(df.assign(video="", pair="a"))


@pytest.mark.slow
def test_a_million_rows_validate_quickly() -> None:
    df = pd.DataFrame({"path": [f"/d/{i}.jpg" for i in range(1_000_000)], "label": ["real", "fake"] * 500_000})
    validate_manifest(small())
    start = time.process_time()
    validate_manifest(df)
    assert time.process_time() - start < 3
