"""Earlier evaluations on the same test rows, counted in the tracking service."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import pandas as pd

from aletheia.datasets.schema import as_text

#: Results of a run by which evaluations on the same rows find each other.
TEST_SET, WEIGHTS = "test_set", "weights"
_DIGITS = 32


class Tries(NamedTuple):
    """A set of test rows, and the SHA-256 of the weights that were evaluated on it before."""

    test_set: str
    models: frozenset[str]


def hash_rows(rows: pd.DataFrame) -> str:
    """Hash the pictures and labels of a test set, in whatever order, wherever they lie and however they are cut out.

    A picture counts by its content (``sha256``), else by its perceptual hash, else by its path.
    """
    columns = [name for name in ("sha256", "phash", "original", "path") if name in rows]
    keys = np.full(len(rows), "", dtype=object)
    for name in columns:
        texts = as_text(rows[name])
        keys = np.where((keys == "") & (texts != "0"), texts, keys)
    words = sorted({f"{key} {label}" for key, label in zip(keys, rows["label"].astype(str), strict=True)})
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:_DIGITS]


def count_tries(rows: pd.DataFrame, *, project: str) -> Tries:
    """Look up which models were evaluated on these rows in a project.

    Evaluations on the command line are not recorded, and so not counted.

    Parameters
    ----------
    rows : DataFrame
        The test manifest.
    project : str

    Raises
    ------
    InputError
        When the tracking service does not answer.
    """
    from aletheia.tracking import ensure_tracking
    from aletheia.tracking.reader import Reader

    test_set = hash_rows(rows)
    with Reader(ensure_tracking()) as reader:
        results = [run["status"].get("results") or {} for run in reader.runs(project)]
    models = {str(found[WEIGHTS]) for found in results if found.get(TEST_SET) == test_set and found.get(WEIGHTS)}
    return Tries(test_set, frozenset(models))
