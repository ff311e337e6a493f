"""Values of options as the command line writes them: numbers, pairs and columns in texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from aletheia.core.errors import InputError


def checked(kind: str, check: Callable[[str], object], value: str) -> str:
    """Return a value that a check lets pass; its refusal as pydantic reports it."""
    try:
        check(value)
    except InputError as error:
        raise PydanticCustomError(kind, "{reason}", {"reason": str(error)}) from None
    return value


def split_numbers(value: Any) -> Any:
    """Read ``"1e-3,3e-3"`` or a single number as a list."""
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    elif isinstance(value, int | float):
        value = [value]
    if not value:
        raise PydanticCustomError("grid", "it holds no value; the grid needs at least one")
    return value


def split_pairs(value: Any) -> Any:
    """Read ``["key=value", …]`` as a dictionary."""
    if isinstance(value, list | tuple):
        for word in value:
            if "=" not in str(word):
                text = "'{word}' is not key=value, as in augmentation=strong"
                raise PydanticCustomError("pair", text, {"word": str(word)})
        return dict(str(word).split("=", 1) for word in value)
    return value


def split_columns(value: Any) -> Any:
    """Read ``["weight_decay=0.01,0.1", …]`` or a mapping as columns and their values."""
    if isinstance(value, list | tuple):
        pairs = [str(word).partition("=")[::2] for word in value]
        if wrong := [name for name, values in pairs if not values]:
            text = "'{word}' is not column=values, as in weight_decay=0.01,0.1 or weight_decay=1e-4..1e-1"
            raise PydanticCustomError("column", text, {"word": wrong[0]})
        value = dict(pairs)
    if isinstance(value, Mapping):
        return {name: _split(values) for name, values in value.items()}
    return value


def _split(values: Any) -> Any:
    if isinstance(values, str):
        return [part.strip() for part in values.split(",") if part.strip()]
    return values if isinstance(values, list | tuple) else [values]
