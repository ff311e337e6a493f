"""Splits by connected groups: shares, repeatability, and explained refusals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.split import check_leakage, split_manifest

Make = Callable[..., pd.DataFrame]


@pytest.mark.parametrize(("n", "people"), [(400, 0), (2000, 150), (40_000, 8_000)])
def test_split_manifest_shares_without_leaks(make_manifest: Make, n: int, people: int) -> None:
    df = make_manifest(n, people=people)
    rng = np.random.default_rng(1)
    df.loc[rng.integers(0, n, n // 20), "phash"] = (df["phash"].iloc[: n // 20] ^ np.uint64(3)).to_numpy()
    out = split_manifest(df, seed=3)
    assert check_leakage(out).empty
    groups = connected_groups(df)
    assert pd.Series(out["split"]).groupby(groups).nunique().max() == 1
    slack = 0.01 if n > 1000 else 0.02
    for _, part in [("all", out), *out.groupby("label"), *out.groupby(["label", "source"]), *out.groupby("gender")]:
        shares = part["split"].value_counts(normalize=True)
        for name, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
            assert abs(shares[name] - share) < slack + 0.6 / np.sqrt(len(part)) * (people > 0)


def test_split_manifest_seeds(make_manifest: Make) -> None:
    df = make_manifest(300, people=60)
    first = split_manifest(df, seed=1)["split"]
    assert first.equals(split_manifest(df, seed=1)["split"])
    assert not first.equals(split_manifest(df, seed=2)["split"])
    assert df["split"].eq("").all()


def test_split_manifest_two_parts(make_manifest: Make) -> None:
    out = split_manifest(make_manifest(100), (0.8, 0.0, 0.2))
    assert set(out["split"]) == {"train", "test"}


@pytest.mark.parametrize("n", [6, 8, 10, 15, 25])
def test_split_manifest_tiny(make_manifest: Make, n: int) -> None:
    df = make_manifest(n).assign(label=["real", "fake"] * (n // 2) + ["fake"] * (n % 2), generator="")
    out = split_manifest(df)
    assert len(out.groupby(["split", "label"]).size()) == 6


@pytest.mark.parametrize("fractions", [(0.7, 0.3), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_split_manifest_invalid_fractions(make_manifest: Make, fractions: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="add up to 1"):
        split_manifest(make_manifest(20), fractions)


def test_split_manifest_group_too_large(make_manifest: Make) -> None:
    df = make_manifest(200)
    df.loc[:179, "identity"] = "ann"
    with pytest.raises(
        InputError, match=r"one connected group holds 180 of 200 rows \(90%\).*identity 'ann' \(180 rows\)"
    ):
        split_manifest(df)


def test_split_manifest_too_few_groups(make_manifest: Make) -> None:
    df = make_manifest(100)
    real = df["label"] == "real"
    df.loc[real, "video"] = np.where(np.arange(real.sum()) % 2, "clip1", "clip2")
    with pytest.raises(InputError, match=r"real rows form only 2 connected groups, and 3 splits need.*video 'clip"):
        split_manifest(df)
    with pytest.raises(InputError, match="no fake rows"):
        split_manifest(df[real])


def test_split_manifest_groups_too_coarse(make_manifest: Make) -> None:
    df = make_manifest(300)
    df["identity"] = [f"p{i % 3}" for i in range(300)]
    with pytest.raises(InputError, match=r"would get 33% of the rows instead of 70%.*3 groups.*identity 'p"):
        split_manifest(df)


def test_split_manifest_names_near_duplicates(make_manifest: Make) -> None:
    df = make_manifest(100)
    df.loc[:94, "phash"] = np.uint64(2**40 + 1)
    with pytest.raises(InputError, match="near duplicates"):
        split_manifest(df)
