"""Numbers in sentences."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun as a sentence has them.

    Parameters
    ----------
    count : int
    noun : str
        For one.
    plural : str
        For none and several; by default the noun with an s.

    Examples
    --------
    >>> counted(1, "file"), counted(2000, "file"), counted(0, "person", "people")
    ('1 file', '2,000 files', '0 people')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
