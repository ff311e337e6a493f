"""The journal of an extraction in buckets: it lies beside the crops, so that another machine may resume."""

from __future__ import annotations

import hashlib
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aletheia.core.buckets import store
from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.mirror import open_mirror
from aletheia.core.journal import read_lines
from aletheia.faces.journal import FileResult, decode_result, encode_result, line_key, split_lines

_FOLDER = "finished"
_SECONDS = 10.0  # between two parts: what a killed process has found since is searched again
_THREADS = 8


class BucketJournal:
    """The finished files of one folder of crops in a bucket and one set of settings.

    An object cannot be appended to, so the lines are written in parts, each an object of its own. A file counts as
    finished when one of the same address and version was finished with the same settings, and its crops still exist.
    Runs may share a folder.

    Parameters
    ----------
    folder : Address
        Of the crops.
    key : bytes
        The settings, see :meth:`~aletheia.faces.crop_config.CropConfig.journal_key`.

    Attributes
    ----------
    local : Path
        Where the mirror will have the crops.

    Raises
    ------
    InputError
        Also by the methods, when the bucket cannot be read or written.
    """

    def __init__(self, folder: Address, key: bytes) -> None:
        self._mirror, self._settings = open_mirror(), key
        self.local = self._mirror.local(folder)
        self._parts = folder.below(f"{_FOLDER}/{hashlib.sha256(key).hexdigest()[:16]}")
        self._new: list[str] = []
        self._written = time.monotonic()
        with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(_THREADS) as threads:
            parts = [address for address, _ in store.listing(self._parts)]
            files = [Path(name) / str(k) for k in range(len(parts))]
            list(threads.map(store.receive, parts, files))
            self._lines = split_lines(line for file in files for line in read_lines(file))
        found = store.listing(folder) if parts else ()
        self._crops = {str(self._mirror.local(address)) for address, version in found if version.size}

    def find(self, source: Address) -> FileResult | None:
        """Look up the result of a file; None when it is not finished."""
        line = self._lines.get(self._line_key(source))
        return decode_result(line, self.local, self._crops.__contains__) if line else None

    def add(self, source: Address, result: FileResult) -> None:
        """Note that a file is finished."""
        key = self._line_key(source)
        if key:
            self._new.append(f"{key} {encode_result(result)}\n")
        if time.monotonic() - self._written > _SECONDS:
            self._write()

    def close(self) -> None:
        """Write what is left to be written."""
        self._write()

    def _write(self) -> None:
        if self._new:
            with tempfile.NamedTemporaryFile() as file:
                Path(file.name).write_text("".join(self._new))
                store.send(Path(file.name), self._parts.below(f"{uuid.uuid4().hex}.jsonl"))
        self._new, self._written = [], time.monotonic()

    def _line_key(self, source: Address) -> str:
        version = self._mirror.index.find(source.path())
        return line_key(f"{source}\0{version.etag}\0{version.size}\0", self._settings) if version else ""
