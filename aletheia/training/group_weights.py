"""Weights of training rows that make groups of people independent of the label.

F. Kamiran, T. Calders, "Data preprocessing techniques for classification without discrimination", Knowledge and
Information Systems 33, 2012, section 4.3 ("reweighing").
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.age_bins import binned_text
from aletheia.datasets.schema import DEMOGRAPHICS

#: Largest weight of a row, in mean weights: a handful of faces must not decide a training.
MOST = 10.0


def check_group_weights(columns: str) -> tuple[str, ...]:
    """Read columns joined by ``+``; none for an empty text.

    Raises
    ------
    InputError
        For a column that is not demographic.
    """
    names = tuple(part.strip() for part in columns.split("+") if part.strip())
    if unknown := [name for name in names if name not in DEMOGRAPHICS]:
        raise InputError(
            f"group_weights: {unknown[0]!r} is no column of groups of people; choose of {', '.join(DEMOGRAPHICS)}, "
            "several joined by +."
        )
    return names


def group_weights(frame: pd.DataFrame, labels: Array, columns: str) -> Array:
    """Weigh each row by how often its group and label should meet, over how often they do.

    Parameters
    ----------
    frame : DataFrame
        (n rows) a manifest. Ages are taken in bins; faces whose group is unknown are a group of their own.
    labels : ndarray
        (n,) 1 for fake.
    columns : str
        Demographic columns joined by ``+``, such as ``gender+ethnicity``; empty: all rows weigh the same.

    Returns
    -------
    ndarray
        (n,) float32. For a group g and a label y it is ``n(g) n(y) / (n n(g, y))``: the weighted share of fakes is the
        same in every group that has both labels. It is clipped to `MOST`, and averages to 1 over the rows of a label,
        so that the weights of the classes mean the same as without.

    Raises
    ------
    InputError
        For a column that the manifest lacks or that is not demographic, and when no group has both labels.
    """
    names, labels = check_group_weights(columns), np.asarray(labels)
    if not names:
        return np.ones(len(frame), dtype=np.float32)
    if missing := [name for name in names if name not in frame]:
        raise InputError(f"group_weights: the manifest has no column {missing[0]}; name its groups, or leave it out.")
    codes, values = pd.factorize(pd.MultiIndex.from_arrays([binned_text(frame, name) for name in names]))
    table = np.zeros((len(values), 2))
    np.add.at(table, (codes, (labels == 1).astype(int)), 1)
    if not (table.min(axis=1) > 0).any():
        raise InputError(
            f"group_weights: no group of {' and '.join(names)} has both genuine faces and fakes in the training set; "
            "bring such faces, or leave it out."
        )
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        weights: Array = (expected / table)[codes, (labels == 1).astype(int)].clip(max=MOST)
    for value in (0, 1):
        rows = (labels == 1) == value
        weights[rows] /= weights[rows].mean()
    return np.asarray(weights, dtype=np.float32)
