"""Matching of genuine and fake faces that are alike in everything but the face."""

from __future__ import annotations

import numpy as np
from scipy.special import logit
from threadpoolctl import threadpool_limits

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.stats.tabular import Columns, FoldError, make_folds, make_trees, without_unknown

CALIPER = 0.2  # standard deviations of the logit: Austin, Pharmaceutical Statistics 10, 2011
_MIN_PAIRS = 20


def match_by_score(columns: Columns, values: Array, fake: Array, groups: Array, *, seed: int = 0) -> Array:
    """Pair genuine and fake rows that a model of these columns takes for equally probably fake.

    Propensity-score matching (Rosenbaum and Rubin, Biometrika 70, 1983), one to one, within a caliper. The score of a
    row comes from a model that did not see its group, and only rows of one such fold are paired: scores of two models
    cannot be compared.

    Parameters
    ----------
    columns : Columns
        k of them.
    values : (n, k) float64
        NaN where unknown.
    fake : (n,) bool
    groups : (n,) int64
        Groups that must not be on both sides of a fold.

    Returns
    -------
    (n,) bool
        Which rows are in a pair.

    Raises
    ------
    InputError
        When no folds can be made, or fewer than 20 pairs are left.
    """
    try:
        folds = make_folds(groups, fake, np.random.default_rng(seed))
    except FoldError as error:
        raise InputError(f"Nothing can be matched: {error}.") from error
    kept = np.zeros(len(fake), bool)
    with threadpool_limits(1 if len(fake) < 20_000 else None, user_api="openmp"):
        for fit, held in folds:
            x_fit, x_held = without_unknown(values[fit], values[held])
            model = make_trees(seed, columns.categorical, len(fit)).fit(x_fit, fake[fit])
            score = logit(np.clip(model.predict_proba(x_held)[:, 1], 1e-6, 1 - 1e-6))
            real, forged = held[~fake[held]], held[fake[held]]
            pairs = pair_within(score[~fake[held]], score[fake[held]], CALIPER * float(score.std()))
            kept[real[pairs[:, 0]]] = kept[forged[pairs[:, 1]]] = True
    if (n_pairs := int(kept.sum()) // 2) < _MIN_PAIRS:
        raise InputError(
            f"Too few pairs of genuine and fake faces are alike in {', '.join(columns.names[:3])}… ({n_pairs}); "
            f"at least {_MIN_PAIRS} are needed. Match by something else, or bring faces that overlap."
        )
    return kept


def match_by_value(values: Array, fake: Array, *, seed: int = 0) -> Array:
    """Keep as many genuine as fake rows of each value; values that one class lacks are left out.

    Parameters
    ----------
    values : (n,) int64
        Codes, below 0 for unknown, which counts as a value of its own.

    Returns
    -------
    (n,) bool
    """
    rng = np.random.default_rng(seed)
    kept = np.zeros(len(fake), bool)
    for value in np.unique(values):
        real, forged = (rng.permutation(np.flatnonzero((values == value) & side)) for side in (~fake, fake))
        count = min(len(real), len(forged))
        kept[real[:count]] = kept[forged[:count]] = True
    if (n_pairs := int(kept.sum()) // 2) < _MIN_PAIRS:
        raise InputError(
            f"Too few pairs of genuine and fake faces share a source ({n_pairs}); at least {_MIN_PAIRS} are needed. "
            "Bring genuine faces from the sources of the fakes."
        )
    return kept


def pair_within(first: Array, second: Array, caliper: float) -> Array:
    """Find the most pairs whose scores differ by at most the caliper: positions, shape (pairs, 2).

    On a line, pairing the lowest two that fit is optimal: a score that is passed over fits none of the later ones.
    """
    order, other = np.argsort(first, kind="stable"), np.argsort(second, kind="stable")
    pairs, i, j = [], 0, 0
    while i < len(order) and j < len(other):
        distance = first[order[i]] - second[other[j]]
        if abs(distance) <= caliper:
            pairs.append((order[i], other[j]))
        i, j = i + (distance <= caliper), j + (distance >= -caliper)
    return np.array(pairs, np.int64).reshape(-1, 2)
