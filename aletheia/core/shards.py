"""Shards: many small files in one archive each, since ten million files of their own are more than a disk likes.

A shard is a plain tar, so that `tar`, WebDataset and others read it. A member is named by a path of its own,
``FOLDER/faces-00000.tar/OFFSET/NAME``: the offset of its header in bytes is part of it, so that it is read without an
index, however many shards there are. What stands there is believed only if it says NAME.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# By the names that ShardWriter gives: people unpack archives into folders such as train.tar/0001.
_MEMBER = re.compile(r"(?P<shard>(?:.*/)?[a-z]+-\d{5,}\.tar)/(?P<offset>\d{1,18})/(?P<name>[^/\0]{1,100})", re.DOTALL)
#: Bytes before a member's content.
HEADER_BYTES = _BLOCK = tarfile.BLOCKSIZE
#: Of one shard: so many members, or bytes, and the next one begins.
MEMBERS, BYTES = 10_000, 1 << 30


class Member(NamedTuple):
    """A file in a shard.

    Attributes
    ----------
    shard : str
        Path of the tar.
    offset : int
        Of the member's header, bytes.
    name : str
    """

    shard: str
    offset: int
    name: str

    def __str__(self) -> str:
        return f"{self.shard}/{self.offset}/{self.name}"


def parse_member(path: str | Path) -> Member | None:
    """Take the path of a member of a shard apart; None for any other path. Nothing is opened."""
    found = _MEMBER.fullmatch(str(path))
    return Member(found["shard"], int(found["offset"]), found["name"]) if found else None


def member_bytes(path: str | Path) -> int | None:
    """Return the size of a member of a shard; None when it is not there."""
    member = parse_member(path)
    if member is None:
        return None
    try:
        with _open(member) as file:
            return _find(file, member)
    except OSError:
        return None


def is_there(path: str | Path) -> bool:
    """Whether a path names a file, or a member of a shard."""
    return Path(path).is_file() or member_bytes(path) is not None


def read_member(member: Member, limit: int) -> bytes:
    """Read a member of a shard, at most one byte more than a limit.

    Raises
    ------
    OSError
        When it is not there, is cut off, or is no plain file.
    """
    with _open(member) as file:
        size = _find(file, member)
        content = file.read(min(size, limit + 1))
    if len(content) < min(size, limit + 1):
        raise OSError(f"the shard {Path(member.shard).name} ends within it")
    return content


def open_binary(path: str | Path) -> io.BytesIO | io.BufferedReader:
    """Open a file, or a member of a shard, for reading.

    Raises
    ------
    OSError
        When it is not there.
    """
    member = parse_member(path)
    return io.BytesIO(read_member(member, BYTES)) if member else Path(path).open("rb")


def _open(member: Member) -> io.FileIO:
    # Without waiting: a pipe would block for ever.
    return io.FileIO(os.open(member.shard, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))


def _find(file: io.FileIO, member: Member) -> int:
    """Go to where a member's content begins; return its size."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise OSError("the shard is not a regular file")
    file.seek(member.offset)
    return content_bytes(file.read(_BLOCK), member)


def content_bytes(header: bytes, member: Member) -> int:
    """Read from the header of a member how many bytes its content has.

    Raises
    ------
    OSError
        When something else stands there.
    """
    found = _header(header)
    if found is None or found.name != member.name:
        raise OSError(f"the shard {Path(member.shard).name} has something else there: it was written anew")
    return found.size


def _header(block: bytes) -> tarfile.TarInfo | None:
    """Read the header of a plain file; None for anything else. tarfile would follow headers of any length."""
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None
    return header if header.type == tarfile.REGTYPE and header.size >= 0 else None


def list_members(shard: Path) -> Iterator[Member]:
    """List the members of a shard, up to the first that is cut off or is no plain file.

    Raises
    ------
    OSError
        When the shard cannot be read.
    """
    total = shard.stat().st_size
    with shard.open("rb") as file:
        offset = 0
        while header := _header(file.read(_BLOCK)):
            after = offset + _BLOCK + -(-header.size // _BLOCK) * _BLOCK
            if after > total:
                return
            yield Member(str(shard), offset, header.name)
            offset = after
            file.seek(offset)


class ShardWriter:
    """Writes small files into shards, one after another; a context manager.

    The shards of a writer are its own: it takes the first free number for each. Equal files in equal order make equal
    shards in an empty folder. Each file is with the operating system when `write` returns, so a process that is killed
    loses none; a shard that was not closed lacks the mark of its end, which readers of tars forgive.

    Parameters
    ----------
    folder : Path
    stem : str
        Shards are ``STEM-00000.tar`` and so on.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self._folder, self._stem = folder, stem
        self._file: io.FileIO | None = None
        self._number = self._members = 0

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, name: str, content: bytes) -> str:
        """Append a file; return its path.

        Parameters
        ----------
        name : str
            At most 100 bytes, without a slash.
        content : bytes

        Raises
        ------
        OSError
            When the disk is full or the folder cannot be written.
        """
        header = tarfile.TarInfo(name)
        header.size = len(content)
        block = header.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % _BLOCK)
        if self._file is None or self._members >= MEMBERS or self._file.tell() + len(block) > BYTES:
            self._begin()
        file = self._file
        assert file is not None
        offset = file.tell()
        try:
            written = 0
            while written < len(block):
                written += file.write(block[written:])
        except OSError:  # what was half written is no member; the next one may fit again
            file.seek(offset)
            file.truncate()
            raise
        self._members += 1
        return str(Member(file.name, offset, name))

    def close(self) -> None:
        """End the shard that is being written."""
        if self._file is not None:
            with self._file as file:
                file.write(bytes(2 * _BLOCK))
            self._file = None

    def _begin(self) -> None:
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        while self._file is None:
            path = self._folder / f"{self._stem}-{self._number:05d}.tar"
            self._number += 1
            with contextlib.suppress(FileExistsError):  # of an earlier run, or of one beside this
                self._file = io.FileIO(str(path), "xb")
        self._members = 0
