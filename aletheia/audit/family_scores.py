"""Scores of the families of measures, which depend on nothing but the rows: side by side."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.parallel import map_dask, map_processes
from aletheia.core.settings import get_settings
from aletheia.stats.tabular import Columns, Shortcut, score_table

#: Of so many rows processes are worth their start; of fewer, threads do.
_MIN_ROWS = 5000

Table = tuple[Columns, Array]


@dataclasses.dataclass(frozen=True)
class Scorer:
    """Scores a table of measures within the folds of a set of rows.

    Attributes
    ----------
    fake : ndarray
        (n,) bool.
    folds : list of tuple of ndarray
        Rows to learn from and rows to score.
    groups : ndarray
        (n,) int64, the unit of the bootstrap.
    seed : int
        Of trees, shuffles and bootstrap: the score of a table does not depend on the others.
    confidence : float
        Of the intervals.
    explain : bool
        Rate the columns.
    """

    fake: Array
    folds: list[tuple[Array, Array]]
    groups: Array
    seed: int
    confidence: float
    explain: bool = True

    def __call__(self, table: Table) -> Shortcut:
        """Score one table: columns, and values (n, k)."""
        columns, values = table
        rows = (values.astype(np.float64), self.fake)
        rng = np.random.default_rng(self.seed)
        return score_table(
            columns,
            rows,
            rows,
            self.folds,
            self.groups,
            rng,
            seed=self.seed,
            confidence=self.confidence,
            explain=self.explain,
        )


def score_tables(
    scorer: Scorer, tables: Mapping[str, Table], workers: int | None = None, client: Any = None
) -> dict[str, Shortcut]:
    """Score tables by key.

    Parameters
    ----------
    scorer : Scorer
    tables : mapping
        Columns and values (n, k) by key.
    workers : int, optional
        Threads, or processes for many rows; by default the setting ``ALETHEIA_WORKERS``. Their number changes no
        result.
    client : distributed.Client, optional
        A Dask cluster that scores instead.
    """
    workers = min(workers or get_settings().workers, len(tables))
    # The widest first, so that none is left to be waited for at the end.
    keys = sorted(tables, key=lambda key: -tables[key][1].shape[1])
    items = [tables[key] for key in keys]
    results: Iterator[Shortcut]
    if client is not None:
        results = map_dask(scorer, items, client, scorer)
    elif workers <= 1:
        results = map(scorer, items)
    else:
        apply = _map_threads if len(scorer.fake) < _MIN_ROWS else map_processes
        results = apply(scorer, items, workers, scorer)
    return dict(zip(keys, results, strict=True))


def _map_threads(scorer: Scorer, tables: Sequence[Table], workers: int, _: Scorer) -> Iterator[Shortcut]:
    """Apply the scorer in threads: while the trees count and split they release the interpreter's lock."""
    for module in ("sklearn.ensemble", "sklearn.tree"):  # imported once, not by two threads at the same time
        importlib.import_module(module)
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(scorer, tables)
    finally:
        pool.shutdown(cancel_futures=True)
