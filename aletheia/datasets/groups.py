"""Connected groups of rows that must stay together: over identity, video, pair and near duplicates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from aletheia.core.arrays import Array
from aletheia.datasets.duplicates import near_duplicates
from aletheia.datasets.schema import GROUP_COLUMNS
from aletheia.stats.categorical import encode, renumber

# Beside the manifest's own: faces cut from the same photo, and files of the same bytes, where a manifest has them.
LINKING_COLUMNS = (*GROUP_COLUMNS, "original", "sha256")
PAIR_SEPARATOR = "|"


def connected_groups(df: pd.DataFrame, *, max_distance: int | None = 4) -> Array:
    """Assign a number to each row, the same to all rows that are connected.

    Two rows are connected when they share an identity, a video, a pair, an original photo or their bytes, or
    when their perceptual hashes differ in at most ``max_distance`` bits; and, through others, over any number
    of steps. Values are compared as they stand, over all sources: two data sets that both count their people
    from 1 should put their name before the number. A ``pair`` such as ``"ann|bob"`` names the identities that
    went into a fake, and connects it with all rows of both.

    Parameters
    ----------
    df
        A manifest; columns it lacks connect nothing.
    max_distance
        Bits for near duplicates; None leaves the hashes aside.

    Returns
    -------
    np.ndarray
        int64, shape (n,), from 0 on, without gaps.
    """
    rows = len(df)
    heads, tails, nodes = [], [], rows
    identity_values: Array = np.empty(0, dtype=object)
    identity_start = rows
    for name in LINKING_COLUMNS:
        if name not in df.columns:
            continue
        codes, values = encode(df[name])
        if not len(values):
            continue
        if name == "identity":
            identity_values, identity_start = values, nodes
        stated = np.flatnonzero(codes >= 0)
        heads.append(stated)
        tails.append(codes[stated] + nodes)
        if name == "pair":
            parts, owners = _identities_of_pairs(values, nodes, identity_values, identity_start)
            heads.append(owners)
            tails.append(np.where(parts >= 0, parts, nodes + len(values) - parts - 1))
            nodes += len(values) + int((-parts).max(initial=0))
        else:
            nodes += len(values)
    if max_distance is not None and "phash" in df.columns:
        links = near_duplicates(df["phash"].to_numpy(), max_distance, forest=True)
        heads.append(links[:, 0])
        tails.append(links[:, 1])
    if not heads:
        return np.arange(rows)
    head, tail = np.concatenate(heads), np.concatenate(tails)
    graph = coo_matrix((np.ones(len(head), dtype=np.bool_), (head, tail)), shape=(nodes, nodes))
    _, component = connected_components(graph, directed=False)
    return renumber(component[:rows].astype(np.int64), int(component.max(initial=-1)) + 1)[1]


def _identities_of_pairs(pairs: Array, pair_start: int, identities: Array, identity_start: int) -> tuple[Array, Array]:
    """Find the nodes of the identities that pairs name, and the pairs' own nodes.

    A name that is no row's identity gets a negative number, -1, -2, …: the caller makes nodes for them, so
    that two pairs which share a person without rows are connected too.
    """
    node = {name: identity_start + i for i, name in enumerate(identities)}
    parts: list[int] = []
    owners: list[int] = []
    without_rows: dict[str, int] = {}
    for i, pair in enumerate(pairs):
        if PAIR_SEPARATOR not in pair:
            continue
        for name in filter(None, pair.split(PAIR_SEPARATOR)):
            parts.append(node[name] if name in node else without_rows.setdefault(name, -1 - len(without_rows)))
            owners.append(pair_start + i)
    return np.array(parts, dtype=np.int64), np.array(owners, dtype=np.int64)
