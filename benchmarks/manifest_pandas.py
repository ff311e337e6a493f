"""The same work as a short pandas script does it, to compare with.

Groups are the smallest row number over identity, video and equal hashes, until nothing changes; near duplicates are not
looked for (a merge of ten million rows on parts of their hashes would have billions of rows).
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

_CELL = ["width", "height", "format", "jpeg_quality", "chroma"]


def bias(df: pd.DataFrame) -> list[pd.DataFrame]:
    """Count labels by each column, and by pairs of the demographic ones."""
    people = ("gender", "age", "skin_tone")
    names = [["source"], ["generator"], *([name] for name in people), *map(list, itertools.combinations(people, 2))]
    return [df.groupby([*columns, "label"]).size().unstack(fill_value=0) for columns in names]


def split(df: pd.DataFrame) -> pd.DataFrame:
    """Shuffle whole groups and cut at 70 % and 85 % of the rows."""
    group = pd.Series(np.arange(len(df)), index=df.index)
    while True:
        before = group
        for name in ("identity", "video", "phash"):
            known = df[name] != (0 if name == "phash" else "")
            group = group.where(~known, group.groupby(df[name]).transform("min"))
        if group.equals(before):
            break
    sizes = group.value_counts().sample(frac=1, random_state=0)
    share = sizes.cumsum() / len(df)
    side = pd.Series(np.select([share <= 0.7, share <= 0.85], ["train", "val"], "test"), index=sizes.index)
    return df.assign(split=group.map(side))


def balance(df: pd.DataFrame, pool: pd.DataFrame) -> pd.DataFrame:
    """Draw real rows of the pool in the cells where fakes are more."""
    train, held_out = df[df["split"] == "train"], df[df["split"] != "train"]
    for name in ("path", "identity", "video", "phash"):
        pool = pool[~pool[name].isin(held_out[name]) | (pool[name] == "")]
    counts = train.groupby([*_CELL, "label"]).size().unstack(fill_value=0)
    missing = (counts["fake"] - counts["real"]).clip(lower=0).rename("missing").reset_index()
    pool = pool.sample(frac=1, random_state=0).merge(missing, on=_CELL)
    drawn = pool[pool.groupby(_CELL).cumcount() < pool["missing"]].drop(columns="missing")
    return pd.concat([train, drawn.assign(split="train")], ignore_index=True)


def run(folder: Path) -> int:
    """Do all of it; returns the rows to train on."""
    df, pool = pd.read_parquet(folder / "main.parquet"), pd.read_parquet(folder / "pool.parquet")
    bias(df)
    train = balance(split(df), pool)
    bias(train)
    return len(train)
