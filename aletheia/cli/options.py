"""Words of the command line as values."""

from __future__ import annotations

from pathlib import Path

from aletheia.core.errors import InputError


def absolute(path: str) -> str:
    return str(Path(path).resolve()) if path and "://" not in path else path


def key_values(words: list[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise InputError(f"--recipe {word!r} is not key=value, as in --recipe augmentation=strong.")
    return dict(word.split("=", 1) for word in words)


def numbers(text: str, kind: type, option: str) -> list:
    try:
        values = [kind(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InputError(f"{option} {text!r} is not a comma-separated list of numbers.") from None
    if not values:
        raise InputError(f"{option} holds no value; the grid needs at least one.")
    return values
