from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aletheia.core.errors import InputError
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.split import check_leakage, split_manifest

Make = Callable[..., pd.DataFrame]
HASHES = np.random.default_rng(0).integers(1, 2**63, 5).tolist()


def same_partition(a: np.ndarray, b: list[int]) -> bool:
    return len(set(zip(a.tolist(), b, strict=True))) == len(set(a.tolist())) == len(set(b))


def test_groups_connect_over_several_steps() -> None:
    df = pd.DataFrame(
        {
            "identity": ["ann", "ann", "", "bob", "", "cas", ""],
            "video": ["", "v1", "v1", "", "", "", ""],
            "pair": ["", "", "", "", "bob|cas", "", ""],
            "phash": np.array([*HASHES[:4], 0, HASHES[4], HASHES[2] ^ 0b110], np.uint64),
        }
    )
    assert same_partition(connected_groups(df, max_distance=2), [0, 0, 0, 1, 1, 1, 0])
    assert same_partition(connected_groups(df, max_distance=None), [0, 0, 0, 1, 1, 1, 2])


def test_pairs_share_people_nobody_has_seen() -> None:
    df = pd.DataFrame({"identity": ["", "ann", "", ""], "pair": ["x|y", "", "y|z", "ann"]})
    assert same_partition(connected_groups(df), [0, 1, 0, 2])
    assert same_partition(connected_groups(pd.DataFrame({"original": ["p", "q", "p"]})), [0, 1, 0])
    assert same_partition(connected_groups(pd.DataFrame({"path": ["p", "q"]})), [0, 1])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(*[st.sampled_from(["", "a", "b", "c", "d", "e"])] * 3), min_size=1, max_size=30))
def test_groups_against_repeated_merging(rows: list[tuple[str, str, str]]) -> None:
    label = list(range(len(rows)))
    pairs = [(i, j) for i in range(len(rows)) for j in range(i)]
    linked = [(i, j) for i, j in pairs if any(a == b != "" for a, b in zip(rows[i], rows[j], strict=True))]
    for i, j in linked:
        label = [label[j] if x == label[i] else x for x in label]
    df = pd.DataFrame(rows, columns=["identity", "video", "sha256"])
    assert same_partition(connected_groups(df), label)


@pytest.mark.parametrize(("n", "people"), [(400, 0), (2000, 150), (40_000, 8_000)])
def test_nothing_leaks_and_shares_are_kept(make_manifest: Make, n: int, people: int) -> None:
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


def test_seeds_repeat_and_differ(make_manifest: Make) -> None:
    df = make_manifest(300, people=60)
    first = split_manifest(df, seed=1)["split"]
    assert first.equals(split_manifest(df, seed=1)["split"])
    assert not first.equals(split_manifest(df, seed=2)["split"])
    assert df["split"].eq("").all()


def test_two_splits_only(make_manifest: Make) -> None:
    out = split_manifest(make_manifest(100), (0.8, 0.0, 0.2))
    assert set(out["split"]) == {"train", "test"}


@pytest.mark.parametrize("n", [6, 8, 10, 15, 25])
def test_tiny_data_sets_get_every_label_everywhere(make_manifest: Make, n: int) -> None:
    df = make_manifest(n).assign(label=["real", "fake"] * (n // 2) + ["fake"] * (n % 2), generator="")
    out = split_manifest(df)
    assert len(out.groupby(["split", "label"]).size()) == 6


@pytest.mark.parametrize("fractions", [(0.7, 0.3), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_fractions_must_fit(make_manifest: Make, fractions: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="add up to 1"):
        split_manifest(make_manifest(20), fractions)


def test_one_person_with_nine_tenths_of_the_rows(make_manifest: Make) -> None:
    df = make_manifest(200)
    df.loc[:179, "identity"] = "ann"
    with pytest.raises(
        InputError, match=r"one connected group holds 180 of 200 rows \(90%\).*identity 'ann' \(180 rows\)"
    ):
        split_manifest(df)


def test_too_few_groups_of_a_label(make_manifest: Make) -> None:
    df = make_manifest(100)
    real = df["label"] == "real"
    df.loc[real, "video"] = np.where(np.arange(real.sum()) % 2, "clip1", "clip2")
    with pytest.raises(InputError, match=r"real rows form only 2 connected groups, and 3 splits need.*video 'clip"):
        split_manifest(df)
    with pytest.raises(InputError, match="no fake rows"):
        split_manifest(df[real])


def test_groups_too_coarse(make_manifest: Make) -> None:
    df = make_manifest(300)
    df["identity"] = [f"p{i % 3}" for i in range(300)]
    with pytest.raises(InputError, match=r"would get 33% of the rows instead of 70%.*3 groups.*identity 'p"):
        split_manifest(df)


def test_near_duplicates_are_named_as_the_reason(make_manifest: Make) -> None:
    df = make_manifest(100)
    df.loc[:94, "phash"] = np.uint64(2**40 + 1)
    with pytest.raises(InputError, match="near duplicates"):
        split_manifest(df)


def test_every_kind_of_leak_is_found(make_manifest: Make) -> None:
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


def test_rows_without_a_split_do_not_leak(make_manifest: Make) -> None:
    df = make_manifest(10, identity="ann", split=["train"] * 5 + [""] * 5)
    assert check_leakage(df).empty
