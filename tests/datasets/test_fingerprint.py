"""The hash of a manifest's content."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.datasets.fingerprint import manifest_hash
from aletheia.datasets.validation import validate_manifest


def small(n: int = 6) -> pd.DataFrame:
    labels = ["real", "fake"] * (n // 2)
    return pd.DataFrame({"path": [f"/data/set/{label}/{i}.jpg" for i, label in enumerate(labels)], "label": labels})


def test_manifest_hash_ignores_order_and_folder_only() -> None:
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


def test_manifest_hash_separates_cells() -> None:
    df = small()
    assert manifest_hash(df.assign(video=["ab", "c", "", "", "", ""])) != manifest_hash(
        df.assign(video=["a", "bc", "", "", "", ""])
    )
    assert manifest_hash(df.assign(video="a", pair="")) != manifest_hash(df.assign(video="", pair="a"))
