"""Connected groups of rows that must stay together: over identity, video, pair and near duplicates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from aletheia.core.arrays import Array
from aletheia.datasets.duplicates import near_duplicates
from aletheia.datasets.schema import GROUP_COLUMNS
from aletheia.stats.categorical import encode, first_rows

# Beside the manifest's own, where a manifest has them: faces cut from the same photo, files of the same bytes, and
# faces that look like one person (aletheia.datasets.relatives).
RELATIVES = "relatives"
LINKING_COLUMNS = (*GROUP_COLUMNS, "original", "sha256", RELATIVES)
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
    links = _Links(len(df))
    identities: Array = np.empty(0, dtype=object)
    identity_start = 0
    for name in LINKING_COLUMNS:
        if name not in df.columns:
            continue
        codes, values = encode(df[name])
        if not len(values):
            continue
        start = links.add_column(codes, len(values))
        if name == "identity":
            identities, identity_start = values, start
        if name == "pair":
            parts, owners = _identities_of_pairs(values, start, identities, identity_start)
            links.add(owners, np.where(parts >= 0, parts, links.nodes - parts - 1))
            links.nodes += int((-parts).max(initial=0))
    if max_distance is not None and "phash" in df.columns:
        pairs = near_duplicates(df["phash"].to_numpy(), max_distance, forest=True)
        links.add(links.row[pairs[:, 0]], links.row[pairs[:, 1]])
    return links.components()


class _Links:
    """A graph whose nodes are values of columns, and rows without a value in the first of them.

    Attributes
    ----------
    row : np.ndarray
        (n,) node of each row.
    nodes : int
        How many there are.
    """

    def __init__(self, n_rows: int) -> None:
        self.row: Array = np.arange(n_rows, dtype=np.int32 if n_rows < 2**28 else np.int64)
        self.nodes = n_rows
        self._heads: list[Array] = []
        self._tails: list[Array] = []
        self._is_untouched = True

    def add_column(self, codes: Array, size: int) -> int:
        """Connect the rows that share a code, of which -1 connects nothing; return the node of code 0.

        The first column needs no connections: the rows of a value are one node from the outset.
        """
        stated = codes >= 0
        start = 0 if self._is_untouched else self.nodes
        if self._is_untouched:
            rest = len(codes) - int(stated.sum())
            self.row[stated] = codes[stated]
            self.row[~stated] = np.arange(size, size + rest, dtype=self.row.dtype)
            self.nodes, self._is_untouched = size + rest, False
        else:
            self.add(self.row[stated], codes[stated].astype(self.row.dtype) + self.row.dtype.type(start))
            self.nodes += size
        return start

    def add(self, heads: Array, tails: Array) -> None:
        """Connect nodes."""
        self._is_untouched = False
        self._heads.append(heads.astype(self.row.dtype, copy=False))
        self._tails.append(tails.astype(self.row.dtype, copy=False))

    def components(self) -> Array:
        """Return the number of each row's connected component, in order of their first rows."""
        if not self._heads:
            component, size = self.row, self.nodes
        else:
            head, tail = np.concatenate(self._heads), np.concatenate(self._tails)
            self._heads, self._tails = [], []
            graph = coo_matrix((np.ones(len(head), dtype=np.bool_), (head, tail)), shape=(self.nodes, self.nodes))
            size, of_node = connected_components(graph.tocsr(), directed=False)
            component = of_node[self.row]
        first = first_rows(component, size)
        number = np.empty(size, dtype=np.int64)
        number[np.argsort(first)] = np.arange(size)  # nodes without rows come last
        return number[component]


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
