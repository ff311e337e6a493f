"""Whether test faces are cut out as those that a model learnt from."""

from __future__ import annotations

from typing import Any

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.faces.crop_config import COLUMNS, CropConfig

#: Fields of a crop's configuration that decide what lies in it.
_FIELDS = ("size", "policy", "margin", "resolution")
_REMEDY = "Cut the faces out as the model takes them (extract-faces), or let the evaluation go on with"


def compare_crops(rows: pd.DataFrame, crop: CropConfig, *, allow_other: bool = False) -> str:
    """Compare the crops of a manifest with those of a model.

    Parameters
    ----------
    rows : DataFrame
        A manifest of crops, with the columns `aletheia.faces.crop_config.COLUMNS` where that is recorded.
    crop : CropConfig
        Of the model.
    allow_other : bool
        Return the difference instead of refusing it.

    Returns
    -------
    str
        A sentence on the difference, or on what is not recorded; empty when they are alike.

    Raises
    ------
    InputError
        When they are cut out otherwise.
    """
    if crop.policy == "none":  # the model takes any image as a crop
        return ""
    unknown = [COLUMNS[field] for field in _FIELDS if not _is_recorded(rows, field)]
    others = {field: found for field in _FIELDS if (found := _others(rows, field, getattr(crop, field)))}
    if not others:
        if not unknown:
            return ""
        return f"How the test faces are cut out is not recorded in full: {', '.join(unknown)} unknown."
    theirs = ", ".join(f"{field} {' and '.join(map(_text, values))}" for field, values in others.items())
    models = ", ".join(f"{field} {_text(getattr(crop, field))}" for field in others)
    sentence = f"The test faces are cut out with {theirs}; the model was trained on faces with {models}."
    if not allow_other:
        raise InputError(f"{sentence} {_REMEDY} --allow-other-crops (allow_other_crops=True).")
    return sentence


def _is_recorded(rows: pd.DataFrame, field: str) -> bool:
    # A remedy records its resolution; without one there is no column, or 0.
    return field == "resolution" or COLUMNS[field] in rows


def _others(rows: pd.DataFrame, field: str, expected: Any) -> list[Any]:
    """Return the values of a field among the rows that are not the model's, at most three."""
    if COLUMNS[field] not in rows:
        return [0] if field == "resolution" and expected else []
    values = rows[COLUMNS[field]].dropna().unique().tolist()
    is_number = isinstance(expected, int | float)
    return [value for value in values if (abs(float(value) - expected) > 1e-6 if is_number else value != expected)][:3]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
