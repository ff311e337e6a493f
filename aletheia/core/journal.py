"""Journals of finished work: a line a row, written whole, so that what was killed goes on where it ended."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError


class JournalWriter:
    """Appends lines to a journal, which is made if it is missing; a context manager.

    Each line goes to the system in one write: a process that is killed loses nothing but the line it was about to
    write, and processes may share a journal. (A power cut may take more, since the disk is not waited for.) A line that
    an earlier process was killed over is ended first, so that the next one stands alone.

    Parameters
    ----------
    path : Path
        Its folder is made, too.

    Raises
    ------
    OSError
        Also by the methods, as the system raises it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b", buffering=0)
        if self._file.seek(0, os.SEEK_END):
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, row: Any) -> None:
        """Write a row as JSON."""
        self.append_line(json.dumps(row))

    def append_line(self, line: str) -> None:
        """Write a text without line breaks."""
        self._file.write(f"{line}\n".encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_lines(path: Path) -> list[bytes]:
    """Read the lines of a journal; none when it is missing. The last one may be cut off, and others empty."""
    return path.read_bytes().split(b"\n") if path.is_file() else []


def read_rows(path: Path, *, skip_damaged: bool = False) -> list[Any]:
    """Read the rows of a journal of JSON; none when it is missing.

    A last line that was cut off by a kill is left out.

    Parameters
    ----------
    path : Path
    skip_damaged : bool
        Leave out other damaged lines, too: for journals to which :class:`JournalWriter` has added after a kill, and
        where what a line held is simply done again.

    Raises
    ------
    InputError
        On a damaged line, by its number.
    """
    rows = []
    lines = read_lines(path)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except ValueError:
            if not skip_damaged and number < len(lines):
                reason = "is damaged; remove it, and what it held is done again"
                raise InputError(f"{path}: line {number:,} {reason}.") from None
    return rows
