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
from aletheia.datasets.sealed import groups_to_seal, seal_test


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
    sealed, note = seal_test(frame, 0.3, seed=1)
    chosen, test = sealed["split"] == SEALED, frame["split"] == "test"
    assert not (chosen & ~test).any() and (sealed.loc[~test, "split"] == "train").all()
    assert chosen.sum() == pytest.approx(0.3 * test.sum(), rel=0.2)
    assert check_leakage(sealed).empty
    rows = sealed[chosen | (sealed["split"] == "test")]
    assert pd.Series(rows["split"].to_numpy()).groupby(connected_groups(rows)).nunique().max() == 1
    assert note.startswith(f"{chosen.sum():,} of {test.sum():,} test faces") and "register alone" in note
    assert seal_test(frame, 0.3, seed=1)[0]["split"].equals(sealed["split"])
    assert not seal_test(frame, 0.3, seed=2)[0]["split"].equals(sealed["split"])
    validate_manifest(sealed)


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
    assert SEALED not in set(sealed["split"]) and "unequal size" in note


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
    new = divide(first.manifest, "new", (0.5, 0.1, 0.4), sealed=0.0)
    assert SEALED not in set(new.manifest["split"])
