"""AUC within folds, for many weightings of the rows."""

from __future__ import annotations

import numpy as np

from aletheia.core.arrays import Array


def weighted_auc(y: Array, scores: Array, fold: Array, weights: Array) -> Array:
    """Compute the share of (fake, real) pairs within folds that the scores order correctly, ties counting half.

    Parameters
    ----------
    y : np.ndarray
        (n,) bool, True for fake.
    scores, fold : np.ndarray
        (n,); rows with fold -1 are left out.
    weights : np.ndarray
        (replicates, n).

    Returns
    -------
    np.ndarray
        Shape (replicates,); NaN without pairs.
    """
    used = np.flatnonzero(fold >= 0)
    order = used[np.lexsort((scores[used], fold[used]))]
    y, scores, fold, weights = y[order], scores[order], fold[order], weights[:, order]
    new = np.ones(len(y), dtype=bool)
    new[1:] = (scores[1:] != scores[:-1]) | (fold[1:] != fold[:-1])
    starts = np.flatnonzero(new)
    fakes = np.add.reduceat(weights * y, starts, axis=1)
    reals = np.add.reduceat(weights * ~y, starts, axis=1)
    below = np.cumsum(reals, axis=1) - reals
    folds = fold[starts]
    begins = np.flatnonzero(np.r_[True, folds[1:] != folds[:-1]])
    lengths = np.diff(np.r_[begins, len(folds)])
    below -= np.repeat(below[:, begins], lengths, axis=1)
    ordered = (fakes * (below + reals / 2)).sum(axis=1)
    pairs = (np.add.reduceat(fakes, begins, axis=1) * np.add.reduceat(reals, begins, axis=1)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, ordered / pairs, np.nan)
