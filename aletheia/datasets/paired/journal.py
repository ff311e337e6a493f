"""What a run has finished, line by line, so that an interrupted one continues."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aletheia.core.errors import InputError


class Journal:
    """A file of finished entries: name, key (what the entry depends on) and values, a JSON list a line.

    Lines that an interruption cut off are ignored.

    Raises
    ------
    InputError
        When the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._entries: dict[tuple[str, str], Any] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+", encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise InputError(f"{path.parent} cannot be written ({error.strerror}); name another folder.") from None
        self._file.seek(0)
        text = self._file.read()
        for line in text.splitlines():
            try:
                name, key, values = json.loads(line)
            except ValueError:
                continue
            self._entries[name, key] = values
        if text and not text.endswith("\n"):
            self._file.write("\n")

    def find(self, name: str, key: str) -> Any:
        """Return the values of an entry; None when it is not there."""
        return self._entries.get((name, key))

    def add(self, name: str, key: str, values: Any) -> None:
        """Add an entry, on the disk at once."""
        self._entries[name, key] = values
        self._file.write(json.dumps([name, key, values]) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
