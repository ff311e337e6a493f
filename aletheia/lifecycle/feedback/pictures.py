"""The quarantine: pictures that were given with consent, under names of their content, until somebody decides.

Nothing serves them, and nothing trains on them before their labels are accepted. A full quarantine takes no more: were
the oldest to make room, anybody could push out what others gave.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from aletheia.lifecycle.feedback.place import MAX_PICTURE_BYTES
from aletheia.lifecycle.feedback.store import StoreFullError

_NAME = re.compile(r"[0-9a-f]{64}\.(?:jpg|png|webp)")
_PARTIAL = ".partial"
_SWEEP_SECONDS = 3600.0  # after which a picture that no statement names belongs to no request any more


class PictureStore:
    """A folder of pictures that its owner alone can read.

    Parameters
    ----------
    folder : path
        Made by the first picture.
    max_bytes : int
        Of all pictures together.
    """

    def __init__(self, folder: str | Path, max_bytes: int = MAX_PICTURE_BYTES) -> None:
        self.folder, self.max_bytes = Path(folder), max_bytes

    def add(self, content: bytes, suffix: str) -> str:
        """Write a picture; returns when it is on the disk.

        Parameters
        ----------
        content : bytes
            The file, freed of its metadata.
        suffix : str
            ``.jpg``, ``.png`` or ``.webp``.

        Returns
        -------
        str
            Its name: the SHA-256 of the content, with the suffix.

        Raises
        ------
        StoreFullError
            When there is no place for it.
        OSError
            As the system raises it.
        """
        name = hashlib.sha256(content).hexdigest() + suffix
        if not _NAME.fullmatch(name):
            raise ValueError(f"no suffix of a picture: {suffix!r}")
        if self.find(name):
            return name
        if self.size() + len(content) > self.max_bytes:
            raise StoreFullError(
                "There is no place for further pictures here; its operator has to decide about those that wait "
                "(aletheia feedback accept, reject, forget). The label alone is still taken."
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        handle, partial = tempfile.mkstemp(suffix=_PARTIAL, dir=self.folder)  # readable by its owner alone
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(partial).replace(self.folder / name)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
        _flush_folder(self.folder)
        return name

    def find(self, name: str) -> Path | None:
        """Return the file of a picture; None when there is none of this name."""
        path = self.folder / name
        return path if _NAME.fullmatch(name) and path.is_file() and not path.is_symlink() else None

    def size(self) -> int:
        """Return the bytes of all pictures."""
        return sum(path.stat().st_size for path in self._files())

    def delete(self, name: str) -> bool:
        """Delete a picture; False when there was none."""
        path = self.find(name)
        if path is None:
            return False
        path.unlink(missing_ok=True)
        return True

    def sweep(self, named: Collection[str]) -> int:
        """Delete what a killed process left: files of more than an hour that no statement names; returns how many."""
        old = time.time() - _SWEEP_SECONDS
        left = [path for path in self._files() if path.name not in named and path.stat().st_mtime < old]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        found = list(self.folder.iterdir())
        return [path for path in found if _NAME.fullmatch(path.name) or path.name.endswith(_PARTIAL)]


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
