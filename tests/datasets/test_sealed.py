"""The sealed part of a test set: whole groups of either class, or nothing and the reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.leakage import check_leakage
from aletheia.datasets.manifest import validate_manifest
from aletheia.datasets.official_split import divide
from aletheia.datasets.schema import SEALED
from aletheia.datasets.sealed import choose_sealed, groups_to_seal, open_rows, seal_test, sealed_hashes


@pytest.fixture
def frame(make_manifest):
    """400 rows of 100 people; two people of the test part are connected by a pair of target and donor."""
    rows = make_manifest(400, people=100)
    number = rows["identity"].str.extract(r"p(\d+)")[0].astype(int)
    rows["split"] = pd.Series("train", rows.index).mask(number < 40, "test")
    first = [rows.index[number == person][0] for person in (3, 4)]
    rows.loc[first, "pair"] = "swap-1"
    return rows


def test_seal_test_keeps_groups_whole(frame):
    sealed, note = seal_test(frame, 0.3)
    chosen, test = sealed["split"] == SEALED, frame["split"] == "test"
    assert not (chosen & ~test).any() and (sealed.loc[~test, "split"] == "train").all()
    assert chosen.sum() == pytest.approx(0.3 * test.sum(), rel=0.2)
    assert check_leakage(sealed).empty
    rows = sealed[chosen | (sealed["split"] == "test")]
    assert pd.Series(rows["split"].to_numpy()).groupby(connected_groups(rows)).nunique().max() == 1
    assert note.startswith(f"{chosen.sum():,} of {test.sum():,} test faces") and "register alone" in note
    validate_manifest(sealed)


def people_of(frame, part):
    return set(frame["identity"][(frame["split"] == part).to_numpy()])


@pytest.fixture
def many(make_manifest):
    """1,200 rows of 240 people, enough for a sealed part of a new split."""
    return make_manifest(1200, people=240)


def test_the_sealed_part_is_the_same_at_every_seed(many):
    """No sealed face becomes an open test or training face with another seed, order or name of the folder."""
    first, other = (divide(many, seed=seed, sealed=0.3).manifest for seed in (0, 1))
    assert not first["split"].equals(other["split"]) and people_of(first, SEALED) == people_of(other, SEALED)
    moved = many.sample(frac=1, random_state=3).assign(path=lambda df: "/elsewhere" + df["path"])
    assert people_of(divide(moved, sealed=0.3).manifest, SEALED) == people_of(first, SEALED)
    assert check_leakage(first).empty
    share = len(people_of(first, SEALED)) / 240
    assert share == pytest.approx(0.15 * 0.3, abs=0.01)
    sizes = first["split"].value_counts(normalize=True)
    assert sizes["test"] == pytest.approx(0.15 * 0.7, abs=0.03) and sizes["train"] == pytest.approx(0.7, abs=0.05)


def test_the_sealed_part_outlives_a_few_pictures_more_or_less(many, make_manifest):
    first = people_of(divide(many, sealed=0.3).manifest, SEALED)
    fewer = people_of(divide(many.drop(index=[5, 500, 900]), sealed=0.3).manifest, SEALED)
    assert fewer == first
    more = pd.concat([many, make_manifest(60, seed=8, people=12)], ignore_index=True)
    among = people_of(divide(more, sealed=0.3, seed=4).manifest, SEALED)
    assert len(first - among) <= 1  # at the edge of the choice
    assert people_of(divide(many, sealed=0.2).manifest, SEALED) < first


def test_the_sealed_part_without_people_is_of_pictures(make_manifest):
    """Without a stated person a group is named by its pictures; large groups are sealed no sooner than small ones."""
    rows = make_manifest(4000, people=0)
    sizes = np.where(np.arange(400) % 2 == 0, 4, 16)
    rows["video"] = np.repeat(np.arange(400), sizes)[:4000].astype(str)
    sealed = [divide(rows, sealed=0.3, seed=seed).manifest for seed in (0, 7)]
    chosen = (sealed[0]["split"] == SEALED).to_numpy()
    assert chosen.any() and np.array_equal(chosen, (sealed[1]["split"] == SEALED).to_numpy())
    rng_free = [
        choose_sealed(rows.assign(video=rows["video"] + f"-{k}", phash=rows["phash"] + np.uint64(k)), 0.5)[0]
        for k in range(8)
    ]
    large = np.mean([rows["video"].astype(int)[mask].drop_duplicates().mod(2).mean() for mask in rng_free])
    assert large == pytest.approx(0.5, abs=0.05)


def test_open_rows_leaves_sealed_rows_out(many):
    frame = divide(many, sealed=0.3).manifest
    sealed = frame[frame["split"] == SEALED]
    left, number = open_rows(frame)
    assert number == len(sealed) and SEALED not in set(left["split"]) and len(left) + number == len(frame)
    # Marked otherwise, they are known by their hashes: by content, and by looks when they were saved again.
    hashes = sealed_hashes(sealed.assign(sha256=[f"{k:064x}" for k in range(len(sealed))]))
    renamed = frame.assign(split="test", path="/b" + frame["path"])
    assert open_rows(renamed, hashes)[1] == len(sealed)
    content = renamed.assign(sha256=np.where(frame["split"] == SEALED, f"{0:064x}", f"{999:064x}"), phash=0)
    assert open_rows(content, hashes)[1] == len(sealed)
    assert open_rows(renamed) == (renamed, 0)
    with pytest.raises(InputError, match=f"^{len(sealed)} faces are all .* register alone scores"):
        open_rows(sealed)
    with pytest.raises(InputError, match="register alone scores"):
        open_rows(sealed.assign(split="test"), hashes)


def test_seal_test_of_few_groups(frame):
    """At the size of the demo a verdict would lose its power, so nothing is sealed, and the reason is given."""
    number = frame["identity"].str.extract(r"p(\d+)")[0].astype(int)
    few = frame[(number < 20) | (number >= 40)]
    sealed, note = seal_test(few, 0.3)
    assert sealed is few and groups_to_seal(0.3) == 27
    assert "No part of the test set is sealed: the" in note and "from 27 of each class on 30% would be." in note


def test_seal_test_of_unequal_groups(frame):
    """One person with most of the pictures would be a part alone."""
    test = frame[frame["split"] == "test"]
    rng = np.random.default_rng(0)
    big = pd.concat([test.assign(path=test["path"] + f"{k}.png") for k in range(4)], ignore_index=True)
    big = big.assign(
        identity="p0000", pair="", original="", video="", phash=rng.integers(1, 2**63, len(big), dtype=np.uint64)
    )
    rows = pd.concat([frame, big.assign(sha256="")], ignore_index=True)
    sealed, note = seal_test(rows, 0.3)
    assert "p0000" not in people_of(sealed, SEALED) and "are sealed" in note
    # Where the others are too few for two parts, nothing is sealed.
    sizes = np.array([200] * 3 + [2] * 25)
    few = pd.DataFrame({"identity": np.repeat(np.arange(28), sizes).astype(str), "split": "test"})
    few = few.assign(path=few.index.astype(str), label=np.where(few.index % 2 == 0, "real", "fake"))
    unsealed, note = seal_test(few, 0.3)
    assert SEALED not in set(unsealed["split"]) and "unequal size" in note


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_seal_test_share_out_of_range(frame, share):
    with pytest.raises(InputError, match="from 0 to less than 1"):
        seal_test(frame, share)
    assert seal_test(frame, 0.0)[1] == "No part of the test set is sealed, as was asked for."


def test_divide_seals_and_keeps_what_is_sealed(frame):
    first = divide(frame, sealed=0.3)
    assert (first.manifest["split"] == SEALED).any() and first.notes[-1].endswith("register alone scores them.")
    again = divide(first.manifest, sealed=0.3, seed=5)
    assert again.manifest["split"].equals(first.manifest["split"]) and "brings sealed" in again.notes[-1]
    anew = divide(first.manifest, "new", (0.5, 0.1, 0.4), sealed=0.3, seed=5)
    was, still = ((one.manifest["split"] == SEALED).to_numpy() for one in (first, anew))
    assert not (was & ~still).any() and check_leakage(anew.manifest).empty and not anew.kept
    new = divide(first.manifest, "new", (0.5, 0.1, 0.4), sealed=0.0)
    assert SEALED not in set(new.manifest["split"])
