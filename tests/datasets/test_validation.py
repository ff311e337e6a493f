"""Checking manifests and completing them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.validation import validate_manifest


def small(n: int = 6) -> pd.DataFrame:
    labels = ["real", "fake"] * (n // 2)
    return pd.DataFrame({"path": [f"/data/set/{label}/{i}.jpg" for i, label in enumerate(labels)], "label": labels})


def test_validate_manifest_fills_unknown() -> None:
    full = validate_manifest(small())
    assert full["generator"].eq("").all()
    assert full["width"].dtype == np.int32
    assert full["phash"].dtype == np.uint64
    assert full["jpeg_quality"].isna().all()
    assert full["progressive"].dtype == bool


def test_validate_manifest_types() -> None:
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
    ("change", "message"),
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
def test_validate_manifest_errors(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate_manifest(small().assign(**change))


def test_validate_manifest_all_errors_at_once() -> None:
    df = small(1000).assign(split="dev")
    df.loc[3, "label"] = "maybe"
    with pytest.raises(InputError, match=r"'label'.*row 4.*'split'.*and 997 more"):
        validate_manifest(df)


def test_validate_manifest_columns_and_rows_missing() -> None:
    with pytest.raises(InputError, match=r"no column 'label'; it has 'path', 'lable'"):
        validate_manifest(small().rename(columns={"label": "lable"}))
    twice = small()
    twice.columns = ["path", "path"]
    with pytest.raises(InputError, match="'path' twice"):
        validate_manifest(twice)
    with pytest.raises(InputError, match="no rows"):
        validate_manifest(small().iloc[:0])


def test_validate_manifest_missing_files(tmp_path: Path) -> None:
    (tmp_path / "here.jpg").touch()
    df = pd.DataFrame({"path": [str(tmp_path / "here.jpg"), str(tmp_path / "gone.jpg")], "label": ["real", "fake"]})
    with pytest.raises(InputError, match=r"names no file in row 2 \(.*gone.jpg.*--manifest-root"):
        validate_manifest(df, check_files=True)


def test_validate_manifest_leaves_its_input() -> None:
    df = small()
    before = df.copy()
    full = validate_manifest(df)
    full.loc[0, "label"] = "fake"
    pd.testing.assert_frame_equal(df, before)


@pytest.mark.slow
def test_validate_manifest_million_rows() -> None:
    df = pd.DataFrame({"path": [f"/d/{i}.jpg" for i in range(1_000_000)], "label": ["real", "fake"] * 500_000})
    validate_manifest(small())
    start = time.process_time()
    validate_manifest(df)
    assert time.process_time() - start < 3
