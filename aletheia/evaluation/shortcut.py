"""The shortcut audit: how well the label can be told from the files alone, without looking at a pixel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from aletheia.data.groups import connected_groups
from aletheia.data.tables import encode, fake_flags
from aletheia.evaluation.group_auc import bootstrap_auc, weighted_auc

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

FEATURES = {
    "width": "width",
    "height": "height",
    "aspect": "aspect ratio",
    "format": "file format",
    "jpeg_quality": "JPEG quality",
    "chroma": "chroma subsampling",
    "bytes_per_pixel": "bytes per pixel",
    "progressive": "progressive or interlaced",
    "has_exif": "EXIF present",
}
_CATEGORIES = ("format", "chroma")
MAX_ROWS = 50_000
MAX_FOLDS = 5
_SHUFFLES = 3


@dataclass(frozen=True)
class Shortcut:
    """Outcome of :func:`shortcut_auc`.

    Attributes
    ----------
    auc : float
        Area under the ROC curve for "fake" from file properties, 0 to 1; NaN when it was not computed.
    low, high : float
        Its 95 % interval, by bootstrap over connected groups.
    n : int
        Rows scored.
    features : pd.DataFrame
        ``feature``, ``name`` (readable), ``importance``: what the AUC loses when the property is shuffled
        among the scored rows (little, when another property says the same), and ``alone``: the AUC of a model
        that sees this property only. Most important first.
    reason : str
        Why nothing was computed; empty otherwise.
    cross_validated : bool
        Whether the AUC is within the folds of one set, rather than on a test set of its own.
    """

    auc: float
    low: float
    high: float
    n: int
    features: pd.DataFrame = field(repr=False)
    reason: str = ""
    cross_validated: bool = True

    @property
    def leading(self) -> list[str]:
        """Readable names of up to three properties that carry the AUC, or would alone come close to it."""
        telling = (self.features["importance"] >= 0.01) | (
            (self.features["alone"] >= 0.6) & (self.features["alone"] >= self.auc - 0.1)
        )
        return self.features.loc[telling, "name"].head(3).tolist()

    def sentence(self) -> str:
        """What was found, in plain words."""
        if self.reason:
            return f"The shortcut AUC was not computed: {self.reason}."
        interval = f"{self.auc:.2f} ({self.low:.2f} to {self.high:.2f})"
        text = f"From the files alone, without a pixel, the label is told with AUC {interval}"
        leading = self.leading
        if self.low <= 0.5 or not leading:
            return text + ": no property of the files gives it away."
        return text + f"; what gives it away: {', '.join(leading)}."


def shortcut_auc(
    train: pd.DataFrame, test: pd.DataFrame | None = None, seed: int = 0, *, confidence: float = 0.95
) -> Shortcut:
    """Tell real from fake by how the files were delivered.

    Gradient-boosted trees on width, height, aspect ratio, format, JPEG quality, chroma subsampling, bytes per
    pixel, progressive flag and EXIF presence. A detector that does no better has shown nothing about faces.

    Parameters
    ----------
    train
        A manifest.
    test
        Rows to score; when None, ``train`` is cross-validated in folds that keep connected groups together,
        and the AUC compares only rows of one fold, since scores of different models are not comparable.
    seed
        Makes folds, subsampling (above 50,000 rows, by group) and bootstrap repeatable.
    confidence
        Of the interval: a percentile bootstrap over connected groups, 500 replicates.

    Returns
    -------
    Shortcut
        With NaN and a reason when a class is missing, or too few groups are left to cross-validate.

    Raises
    ------
    InputError
        When a manifest is empty or has wrong labels.
    """
    rng = np.random.default_rng(seed)
    train = _subsample(train, rng)
    fake = fake_flags(train)
    if test is None:
        scored, groups = train, connected_groups(train)
        folds = _folds(groups, fake, rng)
        if isinstance(folds, str):
            return _not_computed(folds, True)
    else:
        if not len(test):
            return _not_computed("there are no rows to score", False)
        scored = _subsample(test, rng)
        groups = connected_groups(scored)
        for part, flags in (("train", fake), ("test", fake_flags(scored))):
            if flags.all() or not flags.any():
                return _not_computed(f"the {part} rows are all {'fake' if flags.all() else 'real'}", False)
        folds = [(np.arange(len(train)), np.arange(len(scored)))]
    levels = {name: encode(train[name])[1] for name in _CATEGORIES}
    x_train = file_features(train, levels)
    x_test = x_train if test is None else file_features(scored, levels)
    # The trees cannot bin a column that is unknown throughout.
    unknown = np.isnan(x_train).all(axis=0)
    x_train, x_test = np.where(unknown, 0.0, x_train), np.where(unknown, 0.0, x_test)
    y = fake_flags(scored)
    scores, fold_of = np.zeros(len(scored)), np.full(len(scored), -1)
    importance, alone = np.zeros(len(FEATURES)), np.zeros(len(FEATURES))
    pairs_all = 0.0
    # On small tables OpenMP's threads wait for each other longer than they work.
    with threadpool_limits(1 if len(train) < 20_000 else None, user_api="openmp"):
        for i, (fit_rows, test_rows) in enumerate(folds):
            model = _model(seed).fit(x_train[fit_rows], fake[fit_rows])
            scores[test_rows] = model.predict_proba(x_test[test_rows])[:, 1]
            fold_of[test_rows] = i
            pairs = float(y[test_rows].sum() * (~y[test_rows]).sum())
            importance += pairs * _importance(model, x_test[test_rows], y[test_rows], rng)
            alone += pairs * _alone(x_train[fit_rows], fake[fit_rows], x_test[test_rows], y[test_rows], seed)
            pairs_all += pairs
    auc = float(weighted_auc(y, scores, fold_of, np.ones((1, len(y))))[0])
    low, high = bootstrap_auc(y, scores, fold_of, groups, confidence, rng)
    features = pd.DataFrame(
        {
            "feature": list(FEATURES),
            "name": list(FEATURES.values()),
            "importance": importance / pairs_all,
            "alone": alone / pairs_all,
        }
    ).sort_values(["importance", "alone"], ascending=False, ignore_index=True, kind="stable")
    return Shortcut(auc, low, high, len(y), features, cross_validated=test is None)


def file_features(df: pd.DataFrame, levels: dict[str, np.ndarray]) -> np.ndarray:
    """Table of file properties: float64, shape (n, 9), columns as ``FEATURES``; NaN where unknown.

    Parameters
    ----------
    df
        A manifest.
    levels
        The values of ``format`` and ``chroma`` that have a code; others become NaN.
    """
    width, height = (df[name].to_numpy(dtype=np.float64) for name in ("width", "height"))
    width, height = np.where(width > 0, width, np.nan), np.where(height > 0, height, np.nan)
    size = df["file_bytes"].to_numpy(dtype=np.float64)
    columns = {
        "width": width,
        "height": height,
        "aspect": width / height,
        "jpeg_quality": df["jpeg_quality"].to_numpy(dtype=np.float64),
        "bytes_per_pixel": np.where(size > 0, size, np.nan) / (width * height),
        "progressive": df["progressive"].to_numpy(dtype=np.float64),
        "has_exif": df["has_exif"].to_numpy(dtype=np.float64),
    }
    for name in _CATEGORIES:
        # An empty value is a level of its own; one that training has not seen is unknown. (The trees take at
        # most 255 levels; a format is one of a handful.)
        values = ["", *levels[name][:200]]
        codes = pd.Categorical(df[name], categories=values).codes.astype(np.float64)
        columns[name] = np.where(codes < 0, np.nan, codes)
    return np.stack([columns[name] for name in FEATURES], axis=1)


def _not_computed(reason: str, cross_validated: bool) -> Shortcut:
    nan = float("nan")
    empty = pd.DataFrame({"feature": [], "name": [], "importance": np.empty(0), "alone": np.empty(0)})
    return Shortcut(nan, nan, nan, 0, empty, reason, cross_validated)


def _subsample(df: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Whole groups, at random, up to the limit of rows."""
    if len(df) <= MAX_ROWS:
        return df
    groups = connected_groups(df, max_distance=None)
    sizes = np.bincount(groups)
    order = rng.permutation(len(sizes))
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[order[: max(2, int(np.searchsorted(np.cumsum(sizes[order]), MAX_ROWS)))]] = True
    return df[chosen[groups]]


def _folds(groups: np.ndarray, fake: np.ndarray, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]] | str:
    """Rows to fit on and rows to score, for each fold; or why there are none.

    Groups of one kind (real only, mixed, fake only) are dealt out to the folds from the largest on, forth and
    back.
    """
    if fake.all() or not fake.any():
        return f"the rows are all {'fake' if fake.all() else 'real'}"
    sizes, fakes = np.bincount(groups), np.bincount(groups, weights=fake)
    having = int(min((fakes > 0).sum(), (fakes < sizes).sum()))
    if having < 2:
        return "one class forms a single connected group, which cannot be cross-validated"
    count = min(MAX_FOLDS, having)
    order = np.lexsort((rng.random(len(sizes)), -sizes, (fakes > 0).astype(int) + (fakes == sizes)))
    turn = np.arange(len(sizes)) % (2 * count)
    fold = np.empty(len(sizes), dtype=np.int64)
    fold[order] = np.minimum(turn, 2 * count - 1 - turn)
    usable = []
    for i in range(count):
        held = fold[groups] == i
        if 0 < fake[held].sum() < held.sum() and 0 < fake[~held].sum() < (~held).sum():
            usable.append((np.flatnonzero(~held), np.flatnonzero(held)))
    return usable or "no fold has both classes on both sides"


def _model(seed: int) -> HistGradientBoostingClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=60,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=10,
        l2_regularization=1.0,
        early_stopping=False,
        categorical_features=[name in _CATEGORIES for name in FEATURES],
        random_state=seed,
    )


def _alone(x_fit: np.ndarray, y_fit: np.ndarray, x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """AUC of a small tree that sees one column only, shape (features,)."""
    from sklearn.tree import DecisionTreeClassifier

    aucs = np.full(len(FEATURES), 0.5)
    one, fold = np.ones((1, len(y))), np.zeros(len(y), dtype=np.int64)
    leaf = max(1, min(10, len(y_fit) // 20))
    for j in range(len(FEATURES)):
        if len(np.unique(x_fit[:, j])) > 1:
            tree = DecisionTreeClassifier(max_leaf_nodes=12, min_samples_leaf=leaf, random_state=seed)
            tree.fit(x_fit[:, [j]], y_fit)
            aucs[j] = weighted_auc(y, tree.predict_proba(x[:, [j]])[:, 1], fold, one)[0]
    return aucs


def _importance(
    model: HistGradientBoostingClassifier,
    x: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    repeats: int = 3,
) -> np.ndarray:
    """AUC lost when a column is shuffled (Breiman, "Random Forests", 2001, section 10), shape (features,)."""
    rows = rng.permutation(len(y))[:10_000]
    x, y = x[rows], y[rows]
    if y.all() or not y.any():
        return np.zeros(x.shape[1])
    tables = [x]
    for j in range(x.shape[1]):
        for _ in range(_SHUFFLES):
            tables.append(x.copy())
            tables[-1][:, j] = x[rng.permutation(len(x)), j]
    # All in one call: its overhead is larger than its work.
    scores = model.predict_proba(np.concatenate(tables))[:, 1].reshape(len(tables), -1)
    one, fold = np.ones((1, len(y))), np.zeros(len(y), dtype=np.int64)
    base, *lower = (float(weighted_auc(y, row, fold, one)[0]) for row in scores)
    return base - np.reshape(lower, (x.shape[1], _SHUFFLES)).mean(axis=1)
