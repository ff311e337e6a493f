"""Prediction of a label from a table of properties, by gradient-boosted trees on rows they were not fitted on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from aletheia.core.arrays import Array
from aletheia.core.errors import AletheiaError
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.stats.estimate import Estimate
from aletheia.stats.grouped_auc import weighted_auc

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

MAX_FOLDS = 5
#: Widest table whose columns are rated one by one; a thumbnail's pixels mean nothing alone.
MAX_EXPLAINED = 40
_SHUFFLES = 3
_FEW = 1000  # rows
_CELLS = 5_000_000  # of shuffled tables at a time


class FoldError(AletheiaError):
    """The rows cannot be cross-validated; the message is the reason, as a clause."""


@dataclass(frozen=True)
class Columns:
    """Columns of a table: their keys, readable names, and which of them are codes of categories."""

    keys: tuple[str, ...]
    names: tuple[str, ...]
    categorical: tuple[bool, ...]


@dataclass(frozen=True)
class Shortcut:
    """Score of the label's prediction from a table of properties other than the face.

    Attributes
    ----------
    auc : float
        Area under the ROC curve for "fake" from file properties, 0 to 1; NaN when it was not computed.
    low, high : float
        Its 95 % interval, by bootstrap over connected groups.
    n : int
        Rows scored.
    features : pd.DataFrame
        ``feature``, ``name`` (readable), ``importance``: loss of AUC when the property is shuffled among the scored
        rows (little, when another property carries the same information), and ``alone``: the AUC of a model that sees
        this property only. Most important first.
    reason : str
        Reason why nothing was computed; empty otherwise.
    cross_validated : bool
        Whether the AUC is within the folds of one set, rather than on a test set of its own.
    scores : ndarray
        (rows handed in,) higher means more likely fake; NaN for a row that was not scored, empty when nothing was.
    """

    auc: float
    low: float
    high: float
    n: int
    features: pd.DataFrame = field(repr=False)
    reason: str = ""
    cross_validated: bool = True
    scores: Array = field(default_factory=lambda: np.empty(0), repr=False)

    @property
    def estimate(self) -> Estimate:
        """The AUC with its interval."""
        return Estimate(self.auc, self.low, self.high, self.n)

    @property
    def leading(self) -> list[str]:
        """Readable names of up to three properties that carry the AUC, or would alone come close to it."""
        importance, alone = self.features["importance"], self.features["alone"]
        is_leading = (importance >= 0.01) | ((alone >= 0.6) & (alone >= self.auc - 0.1))
        return [str(name) for name in self.features.loc[is_leading, "name"].head(3)]

    def sentence(self) -> str:
        """Summarise the result in plain words."""
        if self.reason:
            return f"The shortcut AUC was not computed: {self.reason}."
        text = f"From the files alone, without a pixel, the label can be predicted with AUC {self.estimate:.2f}"
        leading = self.leading
        if self.low <= 0.5 or not leading:
            return text + ": no property of the files gives it away."
        return text + f"; what gives it away: {', '.join(leading)}."


def not_computed(reason: str, cross_validated: bool) -> Shortcut:
    """Return a result without numbers.

    Parameters
    ----------
    reason : str
        Reason for it, as a clause.
    cross_validated : bool
        Whether the AUC would have been within the folds of one set.
    """
    nan = float("nan")
    empty = pd.DataFrame({"feature": [], "name": [], "importance": np.empty(0), "alone": np.empty(0)})
    return Shortcut(nan, nan, nan, 0, empty, reason, cross_validated)


def score_table(
    columns: Columns,
    fit: tuple[Array, Array],
    scored: tuple[Array, Array],
    folds: list[tuple[Array, Array]],
    groups: Array,
    rng: np.random.Generator,
    *,
    seed: int = 0,
    confidence: float = 0.95,
    cross_validated: bool = True,
    explain: bool = True,
) -> Shortcut:
    """Fit on some rows, score others, and rate the columns.

    Parameters
    ----------
    columns : Columns
        k of them.
    fit, scored : tuple of ndarray
        (n, k) float64 (NaN where unknown) and (n,) bool, True for fake: the rows to learn from and those to score; the
        same when cross-validated.
    folds : list of tuple of ndarray
        Rows of `fit` to learn from and rows of `scored` to score with that; only rows of one fold are compared.
    groups : ndarray
        (n,) int64 of the scored rows, the unit of the interval's bootstrap.
    rng : Generator
        Of the shuffles.
    seed : int
        Of the trees.
    confidence : float
        Of the interval.
    cross_validated : bool
        Whether `fit` and `scored` are the same rows.
    explain : bool
        Rate the columns, which takes most of the time.
    """
    (x_train, fake), (x_test, y) = fit, scored
    scores, fold_of = np.full(len(y), np.nan), np.full(len(y), -1)
    width = len(columns.keys)
    explained = explain and width <= MAX_EXPLAINED
    importance, alone = np.zeros(width), np.zeros(width)
    pairs_all = 0.0
    # On small tables OpenMP's threads wait for each other longer than they work.
    with threadpool_limits(1 if len(x_train) < 20_000 else None, user_api="openmp"):
        for i, (fit_rows, test_rows) in enumerate(folds):
            learnt, x, y_fold = x_train[fit_rows], x_test[test_rows], y[test_rows]
            learnt, x = without_unknown(learnt, x)
            model = make_trees(seed, columns.categorical, len(fit_rows)).fit(learnt, fake[fit_rows])
            scores[test_rows] = model.predict_proba(x)[:, 1]
            fold_of[test_rows] = i
            pairs = float(y_fold.sum() * (~y_fold).sum())
            if explained:
                importance += pairs * _importance(model, x, y_fold, rng)
                alone += pairs * _alone(learnt, fake[fit_rows], x, y_fold, seed)
            pairs_all += pairs
    auc = clustered_auc(y, scores, groups, fold_of).estimate(confidence)
    features = pd.DataFrame(
        {
            "feature": list(columns.keys),
            "name": list(columns.names),
            "importance": importance / pairs_all,
            "alone": alone / pairs_all,
        }
    ).sort_values(["importance", "alone"], ascending=False, ignore_index=True, kind="stable")
    features = features.iloc[: len(features) * explained]
    return Shortcut(auc.value, auc.low, auc.high, len(y), features, cross_validated=cross_validated, scores=scores)


def without_unknown(learnt: Array, scored: Array) -> tuple[Array, Array]:
    """Replace, in both tables, the columns that are all NaN in the first by zeros: the trees cannot bin those."""
    is_unknown = np.isnan(learnt).all(axis=0)
    return np.where(is_unknown, 0.0, learnt), np.where(is_unknown, 0.0, scored)


def make_folds(groups: Array, fake: Array, rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Split rows into at most five folds that keep groups together.

    Groups of one kind (real only, mixed, fake only) are dealt out to the folds from the largest on, forth and
    back.

    Parameters
    ----------
    groups : ndarray
        (n,) int64 from 0 on.
    fake : ndarray
        (n,) bool.
    rng : Generator
        Orders groups of equal size.

    Returns
    -------
    list of tuple of ndarray
        Rows to fit on and rows to score of each fold that has both classes on both sides.

    Raises
    ------
    FoldError
        When there is no such fold.
    """
    if fake.all() or not fake.any():
        raise FoldError(f"the rows are all {'fake' if fake.all() else 'real'}")
    sizes, fakes = np.bincount(groups), np.bincount(groups, weights=fake)
    fewest = int(min((fakes > 0).sum(), (fakes < sizes).sum()))
    if fewest < 2:
        raise FoldError("one class forms a single connected group, which cannot be cross-validated")
    count = min(MAX_FOLDS, fewest)
    order = np.lexsort((rng.random(len(sizes)), -sizes, (fakes > 0).astype(int) + (fakes == sizes)))
    turn = np.arange(len(sizes)) % (2 * count)
    fold = np.empty(len(sizes), dtype=np.int64)
    fold[order] = np.minimum(turn, 2 * count - 1 - turn)
    usable = []
    for i in range(count):
        in_fold = fold[groups] == i
        if 0 < fake[in_fold].sum() < in_fold.sum() and 0 < fake[~in_fold].sum() < (~in_fold).sum():
            usable.append((np.flatnonzero(~in_fold), np.flatnonzero(in_fold)))
    if not usable:
        raise FoldError("no fold has both classes on both sides")
    return usable


def make_trees(seed: int, categorical: tuple[bool, ...], rows: int) -> HistGradientBoostingClassifier:
    """Create the model of every table: gradient-boosted trees, which take NaN as it is."""
    few = rows < _FEW  # fewer and larger steps come to the same there, in half of the time
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=30 if few else 60,
        learning_rate=0.2 if few else 0.1,
        max_leaf_nodes=15,
        min_samples_leaf=10,
        l2_regularization=1.0,
        early_stopping=False,
        categorical_features=list(categorical),
        random_state=seed,
    )


def _alone(x_fit: Array, y_fit: Array, x: Array, y: Array, seed: int) -> Array:
    """Compute the AUC of a small tree that sees a single column, for each column (features,)."""
    from sklearn.tree import DecisionTreeClassifier

    aucs = np.full(x_fit.shape[1], 0.5)
    weight, fold = np.ones((1, len(y))), np.zeros(len(y), dtype=np.int64)
    leaf = max(1, min(10, len(y_fit) // 20))
    for j in range(x_fit.shape[1]):
        if len(np.unique(x_fit[:, j])) > 1:
            tree = DecisionTreeClassifier(max_leaf_nodes=12, min_samples_leaf=leaf, random_state=seed)
            tree.fit(x_fit[:, [j]], y_fit)
            aucs[j] = weighted_auc(y, tree.predict_proba(x[:, [j]])[:, 1], fold, weight)[0]
    return aucs


def _importance(model: HistGradientBoostingClassifier, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Compute the AUC lost when a column is shuffled (Breiman, "Random Forests", 2001, section 10): (features,)."""
    rows = rng.permutation(len(y))[:10_000]
    x, y = x[rows], y[rows]
    if y.all() or not y.any():
        return np.zeros(x.shape[1])
    weight, fold = np.ones((1, len(y))), np.zeros(len(y), dtype=np.int64)

    def aucs(tables: list[Array]) -> list[float]:
        scores = model.predict_proba(np.concatenate(tables))[:, 1].reshape(len(tables), -1)
        return [float(weighted_auc(y, row, fold, weight)[0]) for row in scores]

    base = aucs([x])[0]
    lower: list[float] = []
    # Many columns a call, whose overhead is larger than its work, but not all: memory is bounded.
    at_once = max(1, _CELLS // (_SHUFFLES * x.size))
    for start in range(0, x.shape[1], at_once):
        tables = []
        for j in range(start, min(start + at_once, x.shape[1])):
            for _ in range(_SHUFFLES):
                tables.append(x.copy())
                tables[-1][:, j] = x[rng.permutation(len(x)), j]
        lower += aucs(tables)
    mean: Array = np.reshape(lower, (x.shape[1], _SHUFFLES)).mean(axis=1)
    return base - mean
