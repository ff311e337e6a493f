"""Conversion of option texts to values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from aletheia.core.errors import InputError

Number = TypeVar("Number", int, float)


def absolute(path: str) -> str:
    """Make a path absolute; addresses with a scheme and empty texts stay as they are."""
    return str(Path(path).resolve()) if path and "://" not in path else path


def key_values(words: list[str]) -> dict[str, str]:
    """Split words of the form ``key=value``.

    Raises
    ------
    InputError
        For a word without ``=``.
    """
    for word in words:
        if "=" not in word:
            raise InputError(f"--recipe {word!r} is not key=value, as in --recipe augmentation=strong.")
    return dict(word.split("=", 1) for word in words)


def numbers(text: str, kind: Callable[[str], Number], option: str) -> list[Number]:
    """Parse a comma-separated list of numbers.

    Parameters
    ----------
    text
        The list.
    kind
        ``int`` or ``float``.
    option
        Name of the option, for messages.

    Raises
    ------
    InputError
        When a part is not a number, or there is none.
    """
    try:
        values = [kind(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InputError(f"{option} {text!r} is not a comma-separated list of numbers.") from None
    if not values:
        raise InputError(f"{option} holds no value; the grid needs at least one.")
    return values
