"""Ages in four bins: the columns of data sets hold numbers, ranges and words, and each of these few people only."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.datasets.schema import as_text

CHILD, TEENAGER, ADULT, SENIOR = "child (0–12)", "teenager (13–19)", "adult (20–59)", "senior (60+)"
#: Years below which each bin ends.
_ENDS = ((13, CHILD), (20, TEENAGER), (60, ADULT))
_WORDS = {
    CHILD: ("baby", "babies", "infant", "newborn", "toddler", "child", "children", "kid", "kids"),
    TEENAGER: ("teen", "teens", "teenager", "teenagers", "adolescent"),
    ADULT: ("adult", "adults", "middle aged"),
    SENIOR: ("senior", "seniors", "elderly", "old", "aged"),
}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MONTHS = re.compile(r"\bmonths?\b|\bmo\b|\bweeks?\b|\bdays?\b")
_OPEN = re.compile(r"\+|\bmore than\b|\bover\b|>|\bolder\b")
_OLDEST = 130


def age_bin(text: str) -> str:
    """Return the bin of an age: a number, a range (``20-29``, ``(25, 32)``, ``70+``) or a word.

    A range falls into the bin of its middle. A text that says no age (``young``) stays as it is, so that nobody is
    counted in a bin by guess; '' stays ''.
    """
    lowered = text.strip().lower().replace("_", " ").replace("–", "-")
    years = [float(number) for number in _NUMBER.findall(lowered)]
    if years:
        if _MONTHS.search(lowered):
            return CHILD
        age = years[0] if len(years) == 1 or _OPEN.search(lowered) else sum(years[:2]) / 2
        return text if age > _OLDEST else next((name for end, name in _ENDS if age < end), SENIOR)
    for name, words in _WORDS.items():
        if any(re.search(rf"\b{word}\b", lowered) for word in words):
            return name
    return text


def binned_text(frame: pd.DataFrame, column: str) -> Array:
    """Return a column of a manifest as text, (n,) str objects with '' for unknown; an age by its bin."""
    texts = as_text(frame[column])
    return np.array([age_bin(text) for text in texts], dtype=object) if column == "age" else texts
