"""The mirror: objects of buckets as files of this machine's cache, fetched when they are new or have changed.

A program that wants local files names an address and gets a path: ``cache/objects/<server>/files/<bucket>/<key>``. The
way back, from a path to the address, needs no table.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aletheia.core.buckets import store
from aletheia.core.buckets.addresses import Address, is_bucket_url, parse_url
from aletheia.core.buckets.index import Index, Version
from aletheia.core.buckets.resuming import append_rest
from aletheia.core.errors import DISK_FULL, InputError
from aletheia.core.settings import get_settings
from aletheia.core.shards import parse_member

_THREADS = 8  # requests at a time; the client holds ten connections
_KEPT_SECONDS = 7 * 86_400.0

Found = tuple[Address, Version]


class Mirror:
    """Objects of the buckets of one server.

    Parameters
    ----------
    folder : Path
        Of the mirror; made when missing, for this user alone.
    limit : int
        Bytes of all files in it. When they would be more, those that were not used for longest are deleted, but for
        those that a running process uses.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = folder.resolve()
        self.files, self._parts, self._limit = folder / "files", folder / "parts", limit
        for made in (self.files, self._parts):
            made.mkdir(exist_ok=True, mode=0o700)
        _delete_old(self._parts)
        self.index = Index(folder)

    def local(self, address: Address) -> Path:
        """Return where the file of an object is, or would be.

        Raises
        ------
        InputError
            For a key that is no path below a folder.
        """
        return self.files / address.path()

    def address(self, path: str | Path) -> Address | None:
        """Return the address of a file of the mirror, of a member of a shard that of the shard; None for any other."""
        prefix = f"{self.files}{os.sep}"
        member = parse_member(path)
        text = member.shard if member else str(path)
        if not text.startswith(prefix):
            return None
        bucket, _, key = text[len(prefix) :].partition("/")
        return Address(bucket, key)

    def fetch(self, address: Address) -> Path:
        """Bring an object, or all below a folder, and return its path.

        Files of the folder whose objects are gone are deleted.

        Raises
        ------
        InputError
            When there is nothing of that name, it cannot be fetched or written, or is larger than the limit.
        """
        version = store.head(address) if address.key else None
        if version is not None:
            self._bring([(address, version)])
            return self.local(address)
        found = list(store.listing(address))
        if not found:
            raise InputError(f"{address}: there is no object and no folder of that name at {store.server_name()}.")
        self._bring(found)
        there = {each.path() for each, _ in found}
        gone = [name for name in self.index.versions(address.path()) if name not in there]
        for name in gone:
            (self.files / name).unlink(missing_ok=True)
        self.index.remove(gone)
        return self.local(address)

    def fetch_all(self, addresses: Iterable[Address]) -> None:
        """Bring objects one by one, such as those that a manifest names.

        Raises
        ------
        InputError
            As `fetch`; and when one of them is not there.
        """
        self._bring(list(store.find(sorted(set(addresses)))))

    def held(self, address: Address) -> Path | None:
        """Return the path of an object or folder as far as the mirror holds it, without a question to the server.

        None when it holds nothing of it. What it holds stays until this process ends.
        """
        names = list(self.index.versions(address.path()))
        self.index.lease(names)
        return self.local(address) if names else None

    def drop_damaged(self, address: Address) -> bool:
        """Delete those files of an object or folder that are not what the server sent, as far as that can be told.

        Returns
        -------
        bool
            Whether there were any; `fetch` brings them again.
        """
        versions = self.index.versions(address.path())
        damaged = [name for name, version in versions.items() if not version.is_of(self.files / name)]
        for name in damaged:
            (self.files / name).unlink(missing_ok=True)
        self.index.remove(damaged)
        return bool(damaged)

    def keep(self, file: Path, address: Address, version: Version) -> None:
        """Take a file that was sent to a bucket into the mirror, where this machine will look for it."""
        target = self.local(address)
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # it can be fetched
            target.unlink(missing_ok=True)
            try:
                os.link(file.resolve(), target)
            except OSError:
                self._make_room(version.size)
                shutil.copyfile(file, target)
            self.index.add(address.path(), version)
            self.index.lease([address.path()])

    def _bring(self, objects: list[Found]) -> None:
        names = [address.path() for address, _ in objects]  # a hostile key is refused before anything is written
        self.index.lease(names)
        pending = [each for name, each in zip(names, objects, strict=True) if not self._holds(name, each[1])]
        if not pending:
            return
        self._make_room(sum(version.size for _, version in pending))
        with _disk_errors(self.files), ThreadPoolExecutor(_THREADS) as threads:
            try:
                for _ in threads.map(self._fetch_one, pending):
                    pass
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _holds(self, name: str, version: Version) -> bool:
        try:
            return (self.files / name).stat().st_size == version.size and self.index.find(name) == version
        except OSError:
            return False

    def _fetch_one(self, found: Found) -> None:
        address, version = found
        name = address.path()
        part = self._parts / hashlib.sha256(f"{name}\0{version.etag}".encode()).hexdigest()[:32]
        with part.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # another process may fetch the same
            if self._holds(name, version):
                part.unlink(missing_ok=True)
                return
            for attempt in range(store.TRIES):
                try:
                    append_rest(file, address, version)
                    break
                except ConnectionError:
                    if attempt + 1 == store.TRIES:
                        raise
            target = self.files / name
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                part.replace(target)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                raise InputError(
                    f"{address}: the bucket has an object and a folder of one name. Rename one of them."
                ) from None
        self.index.add(name, version)

    def _make_room(self, size: int) -> None:
        excess = self.index.total() + size - self._limit
        if excess <= 0:
            return
        unused = self.index.unused()
        if sum(each for _, each in unused) < excess:
            raise InputError(
                f"{size:,} bytes are to be fetched, and the mirror of buckets in {self.files} holds at most "
                f"{self._limit:,}. Set ALETHEIA_OBJECTS_BYTES to more."
            )
        gone = []
        for name, each in unused:
            if excess <= 0:
                break
            (self.files / name).unlink(missing_ok=True)
            gone.append(name)
            excess -= each
        self.index.remove(gone)


def _delete_old(parts: Path) -> None:
    """Delete what came of objects that nobody has gone on fetching for a week."""
    for part in parts.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _KEPT_SECONDS:
                part.unlink()


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except ConnectionError as error:
        raise InputError(f"{error}, again and again: the server {store.server_name()} ends the connection.") from None
    except OSError as error:
        raise InputError(f"{folder}: objects cannot be written there ({error.strerror}). {DISK_FULL}") from None


def open_mirror() -> Mirror:
    """Return the mirror of the server that the environment names, in the user's cache folder (``ALETHEIA_CACHE``)."""
    settings = get_settings()
    return _opened(settings.cache / "objects" / store.server_key(), settings.objects_bytes, os.getpid())


@functools.cache
def _opened(folder: Path, limit: int, _process: int) -> Mirror:
    mirror = Mirror(folder, limit)  # a process that was forked has one of its own
    atexit.register(mirror.index.close)
    return mirror


def bring(paths: Iterable[str]) -> None:
    """Fetch those of some files that belong to the mirror and are not there yet; others are none of its business.

    Raises
    ------
    InputError
        When one of them cannot be fetched.
    """
    missing = [path for path in paths if path and not Path(path).exists()]
    if missing:
        mirror = open_mirror()
        mirror.fetch_all(address for path in missing if (address := mirror.address(path)))


def local_copy(source: str | Path) -> Path:
    """Return a path as it is, or of an address in a bucket the path of its mirrored object or folder.

    Raises
    ------
    InputError
        When it cannot be fetched.
    """
    return open_mirror().fetch(parse_url(source)) if is_bucket_url(source) else Path(source)
