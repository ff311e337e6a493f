"""Earlier evaluations on the same test rows, counted in the tracking service."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from aletheia.core.errors import InputError
from aletheia.datasets.schema import as_text

if TYPE_CHECKING:
    from aletheia.tracking.reader import Reader

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

    with Reader(ensure_tracking()) as reader:
        return _count(reader, hash_rows(rows), project)


def note_try(rows: pd.DataFrame, weights_sha256: str, *, project: str) -> Tries | None:
    """Count as `count_tries` does, and note an evaluation that is no run of a workflow, so that later ones count it.

    Parameters
    ----------
    rows : DataFrame
        The test manifest.
    weights_sha256 : str
        Of the model that is about to be evaluated.
    project : str

    Returns
    -------
    Tries or None
        None where no tracking service answers: then nobody counts.
    """
    from aletheia.tracking import reachable_tracking
    from aletheia.tracking.reader import Reader

    url = reachable_tracking()
    if url is None:
        return None
    try:
        with Reader(url) as reader:
            tries = _count(reader, hash_rows(rows), project)
            reader.note_run(project, "evaluate-source", {TEST_SET: tries.test_set, WEIGHTS: weights_sha256})
    except InputError:  # the evaluation does not depend on it; the report says that tries are not counted
        return None
    return tries


def _count(reader: Reader, test_set: str, project: str) -> Tries:
    results = [run["status"].get("results") or {} for run in reader.runs(project)]
    models = {str(found[WEIGHTS]) for found in results if found.get(TEST_SET) == test_set and found.get(WEIGHTS)}
    return Tries(test_set, frozenset(models))
