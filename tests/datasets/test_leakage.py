"""Leaks between the parts of a split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from aletheia.datasets.leakage import check_leakage

Make = Callable[..., pd.DataFrame]


def test_check_leakage_every_kind(make_manifest: Make) -> None:
    df = make_manifest(60, sha256=[f"{i:064x}" for i in range(60)], original="", pool="")
    df["split"] = ["train", "val", "test"] * 20
    assert check_leakage(df).empty
    expected = {}
    for i, kind in enumerate(["identity", "video", "pair", "original", "sha256"]):
        df.loc[[3 * i, 3 * i + 1], kind] = kind.upper()
        expected[kind] = "train, val"
    df.loc[59, "path"] = df.loc[57, "path"]
    expected["path"] = "train, test"
    df.loc[55, "phash"] = df.loc[53, "phash"] ^ np.uint64(0b1111)
    expected["near duplicate"] = "val, test"
    df.loc[[30, 32], "pool"] = "ffhq"
    expected["pool"] = "test"
    leaks = check_leakage(df)
    assert dict(zip(leaks["kind"], leaks["splits"], strict=True)) == expected
    assert len(leaks) == len(expected)
    assert leaks.set_index("kind").loc["identity", "rows"] == 2
    assert leaks.set_index("kind").loc["near duplicate", "example"] == df.loc[53, "path"]


def test_check_leakage_rows_without_split(make_manifest: Make) -> None:
    df = make_manifest(10, identity="ann", split=["train"] * 5 + [""] * 5)
    assert check_leakage(df).empty
