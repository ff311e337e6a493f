"""Earlier evaluations on the same test rows, or many of them, counted in the tracking service."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.datasets.picture_keys import picture_hashes, picture_keys
from aletheia.stats.minhash import from_hex, share_known, sketch, to_hex

if TYPE_CHECKING:
    from aletheia.tracking.reader import Reader

#: Results of a run by which evaluations on the same rows find each other.
TEST_SET, WEIGHTS = "test_set", "weights"
#: Share of the test pictures from which on an earlier evaluation on them counts. Test sets that other seeds draw from
#: the same data share 11 % (where a part is sealed) to 15 %, three standard errors of a sketch above this.
SHARED = 0.05
_DIGITS = 32


class Tries(NamedTuple):
    """A set of test rows, see `describe_rows`, and the SHA-256 of the weights that were evaluated on it before."""

    test_set: str
    models: frozenset[str]


def hash_rows(rows: pd.DataFrame) -> str:
    """Hash the pictures and labels of a test set, in whatever order, wherever they lie and however they are cut out.

    How a picture counts, `aletheia.datasets.picture_keys.picture_keys` says.
    """
    pairs = zip(picture_keys(rows), rows["label"].astype(str), strict=True)
    words = sorted({f"{key} {label}" for key, label in pairs})
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:_DIGITS]


def describe_rows(rows: pd.DataFrame) -> str:
    """Describe a test set such that another one can be compared: its hash, a dot, and a sketch of its pictures."""
    return f"{hash_rows(rows)}.{to_hex(sketch(picture_hashes(rows)))}"


def is_same_set(test_set: str, earlier: str) -> bool:
    """Return whether an earlier test set holds at least `SHARED` of the pictures of this one.

    Parameters
    ----------
    test_set, earlier : str
        Of `describe_rows`. Records of former versions have no sketch, and are compared by their hash.
    """
    (own, _, own_sketch), (other, _, other_sketch) = test_set.partition("."), earlier.partition(".")
    if own == other:
        return True
    try:
        return share_known(from_hex(own_sketch), from_hex(other_sketch)) >= SHARED
    except ValueError:  # not written by this project
        return False


def count_tries(rows: pd.DataFrame, *, project: str) -> Tries:
    """Look up which models were evaluated in a project on these rows, or on a test set that holds `SHARED` of them.

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
        return _count(reader, describe_rows(rows), project)


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
            tries = _count(reader, describe_rows(rows), project)
            reader.note_run(project, "evaluate-source", {TEST_SET: tries.test_set, WEIGHTS: weights_sha256})
    except InputError:  # the evaluation does not depend on it; the report says that tries are not counted
        return None
    return tries


def _count(reader: Reader, test_set: str, project: str) -> Tries:
    results = [run["status"].get("results") or {} for run in reader.runs(project)]
    noted = [
        (str(found[TEST_SET]), str(found[WEIGHTS])) for found in results if found.get(TEST_SET) and found.get(WEIGHTS)
    ]
    return Tries(test_set, frozenset(weights for earlier, weights in noted if is_same_set(test_set, earlier)))
