"""Bug 7: one real pool stood in train, validation and test at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.datasets.balance import balance_training
from aletheia.datasets.manifest import validate_manifest
from aletheia.datasets.split import check_leakage, split_manifest


def rows(n: int, seed: int, label: str, source: str) -> pd.DataFrame:
    hashes = np.random.default_rng(seed).integers(1, 2**63, n, dtype=np.uint64)
    paths = [f"/{source}/{seed}-{i}.jpg" for i in range(n)]
    return validate_manifest(pd.DataFrame({"path": paths, "label": label, "source": source, "phash": hashes}))


def test_balance_pool_enters_training_only() -> None:
    df = split_manifest(pd.concat([rows(80, 0, "real", "clips"), rows(400, 1, "fake", "clips")], ignore_index=True))
    pool = rows(500, 2, "real", "ffhq")
    train = balance_training(df[df["split"] == "train"], pool, "count", exclude_rows=df).train
    whole = pd.concat([train, df[df["split"] != "train"]], ignore_index=True)
    assert set(whole.loc[whole["source"] == "ffhq", "split"]) == {"train"}
    assert (whole["source"] == "ffhq").sum() > 100
    assert check_leakage(whole).empty


@pytest.mark.parametrize("link", ["near duplicate", "identity", "path"])
def test_balance_excludes_pool_rows_of_held_out_people(link: str) -> None:
    df = split_manifest(pd.concat([rows(80, 0, "real", "ffhq"), rows(400, 1, "fake", "clips")], ignore_index=True))
    held = df[(df["split"] != "train") & (df["label"] == "real")]
    pool = rows(300, 2, "real", "pool")
    first = pool.index[: len(held)]
    if link == "near duplicate":  # the same photos, re-encoded
        pool.loc[first, "phash"] = held["phash"].to_numpy() ^ np.uint64(1 << 20)
    elif link == "identity":
        df["identity"] = [f"p{i}" for i in range(len(df))]
        pool.loc[first, "identity"] = df.loc[held.index, "identity"].to_numpy()
    else:
        pool.loc[first, "path"] = held["path"].to_numpy()
    train, report = balance_training(df[df["split"] == "train"], pool, "count", exclude_rows=df, target_share=0.9)
    assert report.drawn == 300 - len(held)
    assert sum(report.excluded.values()) == len(held)
    assert check_leakage(pd.concat([train, df[df["split"] != "train"]], ignore_index=True)).empty
