"""The rows of a manifest that an evaluation may score: all but the sealed ones."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aletheia.datasets.sealed import open_rows
from aletheia.models.spec import read_spec
from aletheia.models.training_profile import read_profile


def open_part(model: str | Path, rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Leave out rows that are marked sealed, or are of the pictures that the data of a model's training keep sealed.

    Parameters
    ----------
    model : path
        Folder of a bundle, or one of its files.
    rows : DataFrame
        A manifest.

    Returns
    -------
    tuple
        The other rows, and how many were left out.

    Raises
    ------
    InputError
        When all rows are sealed, or the bundle is damaged.
    """
    spec = read_spec(model)
    return open_rows(rows, read_profile(model, spec.profile).sealed if spec.profile else ())
