"""Tables of pictures with the pictures in one archive, which can be versioned, moved and unpacked anywhere.

The archive is a tar without compression (pictures are compressed): ``<table>.parquet`` for each table and
``files/<sha256>.<suffix>`` for the files of its column ``path``. The column ``original`` names files in the same way,
which lie in the archive of the pictures that faces were cut from. An archive depends on rows and files alone: no times,
owners and folders of this machine are in it.

Archives are unpacked into one folder, in which each file lies once, however many of them hold it.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import re
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write, replacing
from aletheia.core.shards import open_binary

_TABLE = re.compile(r"([a-z_]{1,40})\.parquet")
# Equal files with paths of their own keep them: the second is -1, and so on.
_FILE = re.compile(r"files/(?P<sha256>[0-9a-f]{64})(-\d{1,9})?(\.[a-z0-9]{1,8})?")
_MAX_TABLE = 2_000_000_000  # bytes
_CHUNK = 1 << 20
_STEM = len("files/") + 64
_LEFT_OUT = ["path", "reason"]  # columns of a list of files that were left out


def pack_tables(tables: Mapping[str, pd.DataFrame], archive: str | Path) -> int:
    """Write tables and the files of their column ``path`` into one archive; a list of files left out has none.

    Parameters
    ----------
    tables : mapping
        By name (letters and underscores).
    archive : path
        The file to write; it is replaced when it is complete.

    Returns
    -------
    int
        Files in it, without the tables.

    Raises
    ------
    InputError
        When a file of a table is missing, or the archive cannot be written.
    """
    members: dict[str, Path] = {}  # files by their name in the archive
    packed = {name: _named(table, members) for name, table in sorted(tables.items())}
    Path(archive).parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(archive) as stream, tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, table in packed.items():
            content = io.BytesIO()
            table.to_parquet(content, index=False)
            _add(tar, f"{name}.parquet", content, content.getbuffer().nbytes)
        for name, path in sorted(members.items()):
            with open_binary(path) as file:
                _add(tar, name, file, file.seek(0, io.SEEK_END))
    return len(members)


def unpack_tables(archive: str | Path, folder: str | Path) -> dict[str, Path]:
    """Unpack an archive of `pack_tables`, unless that was done before.

    Parameters
    ----------
    archive : path
        May come from elsewhere.
    folder : path
        For all archives; made if it is missing.

    Returns
    -------
    dict
        The tables by name: parquet files in the folder, with absolute paths.

    Raises
    ------
    InputError
        When it is no such archive: damaged, with members of other names, kinds or contents, or a table of files that
        it lacks.
    """
    archive, folder = Path(archive), Path(folder).resolve()
    prefix = f"{_digest(archive)[:24]}-"
    if not list(folder.glob(f"{prefix}*.parquet")):
        (folder / "files").mkdir(parents=True, exist_ok=True)
        for name, rows in _unpack(archive, folder).items():
            with replacing(folder / f"{prefix}{name}.parquet") as file:
                rows.to_parquet(file, index=False)
    return {file.stem.removeprefix(prefix): file for file in sorted(folder.glob(f"{prefix}*.parquet"))}


def _named(table: pd.DataFrame, members: dict[str, Path]) -> pd.DataFrame:
    """Return a table with the names that its files have in an archive, and note those of the column ``path``."""
    table = table.reset_index(drop=True)
    table.attrs = {}
    if "path" not in table or table.columns.tolist() == _LEFT_OUT:
        return table
    known: dict[Path, str] = {path: name for name, path in members.items()}
    name_of = functools.cache(_name)
    names = []
    for path in map(Path, table["path"].astype(str)):
        if path not in known:
            name = name_of(path)
            stem, suffix = name[:_STEM], name[_STEM:]
            numbers = itertools.count(1)
            while members.get(name, path) != path:
                name = f"{stem}-{next(numbers)}{suffix}"
            members[name], known[path] = path, name
        names.append(known[path])
    columns = {"path": names}
    if "original" in table:
        columns["original"] = [name_of(Path(text)) if text else "" for text in table["original"].fillna("").astype(str)]
    return table.assign(**columns)


def _name(path: Path) -> str:
    suffix = path.suffix.lower()
    name = f"files/{_digest(path)}{suffix}"
    if not _FILE.fullmatch(name):
        raise InputError(f"{path} is to be packed, but its suffix {suffix!r} is none of a picture or video.")
    return name


def _digest(path: Path) -> str:
    try:
        with open_binary(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} is to be packed or unpacked, and cannot be read: {error.strerror}.") from None


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)  # of the first second of 1970, of user 0
    member.size, member.mode = size, 0o644
    content.seek(0)
    tar.addfile(member, content)


def _unpack(archive: Path, folder: Path) -> dict[str, pd.DataFrame]:
    """Write the files of an archive into a folder, and return its tables with the paths that they have there."""
    tables: dict[str, pd.DataFrame] = {}
    files: set[str] = set()

    def take_table(match: re.Match[str], content: IO[bytes], size: int) -> None:
        if size > _MAX_TABLE:
            raise InputError(f"{archive}: a table of more than {_MAX_TABLE:,} bytes is not read.")
        tables[match[1]] = pd.read_parquet(io.BytesIO(content.read()))

    def take_file(match: re.Match[str], content: IO[bytes], size: int) -> None:
        _copy(content, match["sha256"], folder / match[0])
        files.add(match[0])

    try:
        _each_member(archive, {_TABLE: take_table, _FILE: take_file})
        if not tables:
            raise InputError(f"{archive} holds no table.")
        return {name: _located(rows, files, folder, archive) for name, rows in tables.items()}
    except InputError:  # it is a ValueError, too
        raise
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise InputError(f"{archive} is no archive of tables, or damaged: {error}.") from None


def _each_member(
    archive: Path, takers: Mapping[re.Pattern[str], Callable[[re.Match[str], IO[bytes], int], None]]
) -> None:
    with tarfile.open(archive, mode="r:") as tar:
        for member in tar:
            found = [(take, match) for name, take in takers.items() if (match := name.fullmatch(member.name))]
            content = tar.extractfile(member) if member.isreg() else None
            if not found or content is None:
                raise InputError(f"{archive} is no archive of tables: it holds {member.name[:80]!r}.")
            take, match = found[0]
            take(match, content, member.size)


def _copy(content: IO[bytes], sha256: str, path: Path) -> None:
    """Write a file whose content must be the one that it is named by: others rely on that."""
    digest = hashlib.sha256()
    with replacing(path) as file:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
        if digest.hexdigest() != sha256:
            raise EOFError(f"{path.name} is cut off or another file")


def _located(rows: pd.DataFrame, files: set[str], folder: Path, archive: Path) -> pd.DataFrame:
    """Return a table with the paths that its files have in a folder."""
    if "path" not in rows or rows.columns.tolist() == _LEFT_OUT:
        return rows
    if missing := sorted(set(rows["path"].astype(str)) - files):
        raise InputError(f"{archive}: a table lists {missing[0][:80]!r}, which is not in the archive.")
    columns = {"path": [str(folder / name) for name in rows["path"].astype(str)]}
    if "original" in rows:
        originals = rows["original"].astype(str)
        if wrong := [name for name in originals if name and not _FILE.fullmatch(name)]:
            raise InputError(
                f"{archive}: a table names the original {wrong[0][:80]!r}, which is no file of an archive."
            )
        columns["original"] = [str(folder / name) if name else "" for name in originals]
    return rows.assign(**columns)
