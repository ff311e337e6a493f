"""The content of an ONNX file, looked at before an engine reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aletheia.core.errors import InputError


def check_self_contained(content: bytes, file: Path) -> None:
    """Refuse weights in other files and operators outside of the standard, before an engine is used.

    The outermost fields of the message are read here: the package onnx takes longer to import than the network to load.
    Weights in other files are named by an entry whose key is "location"; without these letters there are none.

    Raises
    ------
    InputError
        For these, and for what is no intact ONNX file.
    """
    try:
        fields = list(_fields(content))
        domains = [bytes(value) for number, value in fields if number == 8 for key, value in _fields(value) if key == 1]
    except (IndexError, ValueError):
        raise InputError(f"{file} is no intact ONNX file.") from None
    if b"location" in content:
        raise InputError(f"{file} refers to other files for its weights; it is not opened.")
    if any(number == 25 for number, _ in fields) or set(domains) - {b"", b"ai.onnx"}:
        raise InputError(f"{file} uses operators outside of the ONNX standard; it is not opened.")


def _fields(message: bytes | memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield numbers and contents of a protobuf message's own fields (protobuf.dev/programming-guides/encoding).

    Of opset_import (8) field 1 is the domain; functions are 25.
    """
    view, position = memoryview(message), 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = view[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("no varint")

    while position < len(view):
        key = varint()
        kind, start = key & 7, position
        if kind == 0:
            varint()
        elif kind == 2:
            length = varint()
            start = position
            position += length
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
        else:
            raise ValueError("no field")
        if position > len(view):
            raise ValueError("truncated")
        yield key >> 3, view[start:position]
