"""Prediction of the label from the properties of the files alone, without a pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.stats.categorical import encode
from aletheia.stats.tabular import Columns, FoldError, Shortcut, make_folds, not_computed, score_table

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
_COLUMNS = Columns(tuple(FEATURES), tuple(FEATURES.values()), tuple(name in _CATEGORIES for name in FEATURES))
MAX_ROWS = 50_000
_MAX_SOURCES = 200


def shortcut_auc(
    train: pd.DataFrame, test: pd.DataFrame | None = None, seed: int = 0, *, confidence: float = 0.95
) -> Shortcut:
    """Predict real and fake from the properties of the files.

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
        Of the interval over connected groups, see `aletheia.stats.clustered_auc`.

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
    train = subsample(train, rng, MAX_ROWS)
    fake = fake_flags(train)
    if test is None:
        scored, groups = train, connected_groups(train)
        try:
            folds = make_folds(groups, fake, rng)
        except FoldError as error:
            return not_computed(str(error), True)
    else:
        if not len(test):
            return not_computed("there are no rows to score", False)
        scored = subsample(test.reset_index(drop=True), rng, MAX_ROWS)
        groups = connected_groups(scored)
        for part, flags in (("train", fake), ("test", fake_flags(scored))):
            if flags.all() or not flags.any():
                return not_computed(f"the {part} rows are all {'fake' if flags.all() else 'real'}", False)
        folds = [(np.arange(len(train)), np.arange(len(scored)))]
    levels = {name: encode(train[name])[1] for name in _CATEGORIES}
    x_train = file_features(train, levels)
    x_test = x_train if test is None else file_features(scored, levels)
    outcome = score_table(
        _COLUMNS,
        (x_train, fake),
        (x_test, fake_flags(scored)),
        folds,
        groups,
        rng,
        seed=seed,
        confidence=confidence,
        cross_validated=test is None,
    )
    if test is None or len(scored) == len(test):
        return outcome
    scores = np.full(len(test), np.nan)
    scores[scored.index] = outcome.scores
    return replace(outcome, scores=scores)


def file_columns(df: pd.DataFrame) -> tuple[Columns, Array]:
    """Collect the columns of file properties and their values (n, 9), categories coded within these rows."""
    return _COLUMNS, file_features(df, {name: encode(df[name])[1] for name in _CATEGORIES})


def file_features(df: pd.DataFrame, levels: dict[str, Array]) -> Array:
    """Tabulate file properties: float64, shape (n, 9), columns as ``FEATURES``; NaN where unknown.

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
        # An empty value is a level of its own; one that is missing in the training rows is unknown. (The trees take
        # at most 255 levels; a format is one of a handful.)
        values = ["", *levels[name][:200]]
        codes = pd.Categorical(df[name], categories=values).codes.astype(np.float64)
        columns[name] = np.where(codes < 0, np.nan, codes)
    return np.stack([columns[name] for name in FEATURES], axis=1)


def subsample(df: pd.DataFrame, rng: np.random.Generator, limit: int) -> pd.DataFrame:
    """Draw whole groups at random, up to the limit of rows; the rows keep their index."""
    if len(df) <= limit:
        return df
    groups = connected_groups(df, max_distance=None)
    sizes = np.bincount(groups)
    order = rng.permutation(len(sizes))
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[order[: max(2, int(np.searchsorted(np.cumsum(sizes[order]), limit)))]] = True
    return df[chosen[groups]]


def source_codes(sources: pd.Series) -> Array:
    """Encode the commonest sources, (n,) float64; all others share one code: the trees take at most 255 categories."""
    codes, values = encode(sources)
    common = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(values)), kind="stable")[:_MAX_SOURCES]
    rank = np.full(len(values) + 1, float(_MAX_SOURCES))
    rank[common] = np.arange(len(common))
    rank[-1] = np.nan  # code -1: unknown
    return rank[codes]
