"""Connected groups of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from aletheia.datasets.groups import connected_groups

HASHES = np.random.default_rng(0).integers(1, 2**63, 5).tolist()


def same_partition(a: np.ndarray, b: list[int]) -> bool:
    return len(set(zip(a.tolist(), b, strict=True))) == len(set(a.tolist())) == len(set(b))


def test_connected_groups_transitive() -> None:
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


def test_connected_groups_pairs_share_people_without_rows() -> None:
    df = pd.DataFrame({"identity": ["", "ann", "", ""], "pair": ["x|y", "", "y|z", "ann"]})
    assert same_partition(connected_groups(df), [0, 1, 0, 2])
    assert same_partition(connected_groups(pd.DataFrame({"original": ["p", "q", "p"]})), [0, 1, 0])
    assert same_partition(connected_groups(pd.DataFrame({"path": ["p", "q"]})), [0, 1])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(*[st.sampled_from(["", "a", "b", "c", "d", "e"])] * 3), min_size=1, max_size=30))
def test_connected_groups_agree_with_repeated_merging(rows: list[tuple[str, str, str]]) -> None:
    label = list(range(len(rows)))
    pairs = [(i, j) for i in range(len(rows)) for j in range(i)]
    linked = [(i, j) for i, j in pairs if any(a == b != "" for a, b in zip(rows[i], rows[j], strict=True))]
    for i, j in linked:
        label = [label[j] if x == label[i] else x for x in label]
    df = pd.DataFrame(rows, columns=["identity", "video", "sha256"])
    assert same_partition(connected_groups(df), label)
