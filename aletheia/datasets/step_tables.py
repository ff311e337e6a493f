"""Manifests that the steps of a workflow hand on, between machines that share nothing but a bucket.

On one machine such a table holds absolute paths. Where the artifacts of a run lie in a bucket (``s3://…``), it is
written with paths that count from its own folder, or addresses of other buckets, and the files that were on this
machine alone are sent along; a step that reads it gets paths of its own machine, to which they were fetched.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.buckets.addresses import Address, is_bucket_url, parse_url, relative, resolve
from aletheia.core.buckets.mirror import Mirror, open_mirror
from aletheia.core.buckets.sending import send_files
from aletheia.core.paths import data_folder
from aletheia.core.shards import parse_member

if TYPE_CHECKING:
    import mlrun

#: Columns that name files, and those that only mention them.
_FILES, _MENTIONS = ("path", "original"), ("video",)
#: Folder beside the manifests of a step, for the files that they name.
FOLDER = "files"
#: Folder beside those of the runs, for the crops that a cluster has cut out.
CROPS = "extracted-faces"


def read_faces(item: mlrun.DataItem, *, originals: bool = True, fetch: bool = True) -> pd.DataFrame:
    """Read a manifest that another step logged; its files are on this machine then.

    Parameters
    ----------
    item : mlrun.DataItem
        An input of a handler.
    originals : bool
        Whether the step opens the files that the faces were cut out of; else they are not fetched, and where the table
        lies in a bucket, ``original`` holds their addresses.
    fetch : bool
        Fetch the files; else the paths say where the mirror will have them, for a cluster whose workers fetch what they
        read. See :func:`aletheia.core.buckets.mirror.bring`.

    Raises
    ------
    InputError
        When a file that it names cannot be fetched.
    """
    table: pd.DataFrame = item.as_df()
    if not is_bucket_url(item.url):
        return table
    return fetch_named(table, parse_url(str(item.url).rpartition("/")[0]), originals=originals, fetch=fetch)


def fetch_named(table: pd.DataFrame, folder: Address, *, originals: bool = True, fetch: bool = True) -> pd.DataFrame:
    """Fetch the files that a table names, which lies in a folder of a bucket, and name those of this machine instead.

    Raises
    ------
    InputError
        For a path that is in no bucket, and a file that cannot be fetched.
    """
    mirror, table = open_mirror(), table.copy()
    wanted: dict[Address, str] = {}
    for column in _FILES:
        if column not in table.columns:
            continue
        is_opened, named = column == "path" or originals, dict[str, str]()
        for text in table[column].astype(str).unique():
            if not text:
                continue
            file, inside = _parts(text)
            place = resolve(file, folder)
            if is_opened and place not in wanted:
                wanted[place] = str(mirror.local(place))
            named[text] = (wanted[place] if is_opened else str(place)) + inside
        table[column] = _replaced(table[column], named)
    if fetch:
        mirror.fetch_all(wanted)
    return table


def log_faces(
    context: mlrun.MLClientCtx, key: str, table: pd.DataFrame, *, file_format: str = "parquet", send: bool = True
) -> None:
    """Log a table that names files of this machine, so that a step on another one can read it.

    Parameters
    ----------
    context : mlrun.MLClientCtx
        Of the handler.
    key : str
        Name of the artifact.
    table : DataFrame
        A manifest, or another table with a column ``path``.
    file_format : str
        ``"parquet"`` or ``"csv"``.
    send : bool
        Whether other steps open the files; else they are only named.

    Raises
    ------
    InputError
        When the artifacts lie in a bucket, and a file cannot be sent there.
    """
    place = _place_of(context)
    if is_bucket_url(place):
        table = send_named(table, parse_url(place), send=send)
    logged = context.log_dataset(key, df=table, format=file_format, index=False, stats=False)
    target = str(logged.target_path)
    if is_bucket_url(place) and target != f"{place}/{key}.{file_format}":
        raise RuntimeError(f"{key} is at {target}, but its paths count from {place}")


def crops_folder(context: mlrun.MLClientCtx) -> Address | None:
    """Return where the crops of a cluster go in a bucket; None when the artifacts of the step lie on this machine.

    The folder is one for all runs whose artifact paths differ by the run's uid alone, so that a run that was
    interrupted is continued by the next.
    """
    place = str(context.artifact_path).rstrip("/").removesuffix(f"/{context.uid}")
    return parse_url(f"{place}/{CROPS}") if is_bucket_url(place) else None


def send_named(table: pd.DataFrame, folder: Address, *, send: bool = True) -> pd.DataFrame:
    """Send the files that a table names to a folder of a bucket, and name them from there.

    What was fetched from a bucket is not sent again. A file that is gone, or is not to be sent, stays as it is named.
    """
    mirror, table = open_mirror(), table.copy()
    files: dict[Path, Address] = {}
    for column in (*_FILES, *_MENTIONS):
        if column not in table.columns:
            continue
        named: dict[str, str] = {}
        for text in table[column].astype(str).unique():
            file, inside = _parts(text)
            place = _place(file, folder, mirror, may_send=send and column in _FILES)
            if place is None:
                continue
            named[text] = (relative(place, folder) if column in _FILES else str(place)) + inside
            if mirror.address(file) is None and not is_bucket_url(file):
                files[Path(file)] = place
        table[column] = _replaced(table[column], named)
    send_files(files, folder.below(FOLDER))
    return table


def _parts(text: str) -> tuple[str, str]:
    """Divide the path of a member of a shard into that of the shard, which is sent and fetched whole, and the rest."""
    member = parse_member(text)
    return (member.shard, text[len(member.shard) :]) if member else (text, "")


def _place_of(context: mlrun.MLClientCtx) -> str:
    """Return where MLRun puts an artifact of a step that is named by its key alone."""
    return f"{str(context.artifact_path).rstrip('/')}/{context.name}/{context.iteration or 0}"


def _place(text: str, folder: Address, mirror: Mirror, *, may_send: bool) -> Address | None:
    """Return where a file is in a bucket, or goes to; None for what is no file."""
    if is_bucket_url(text):
        return parse_url(text)
    if known := mirror.address(text):
        return known
    if not may_send or not Path(text).is_file():
        return None
    path = os.path.abspath(text)  # noqa: PTH100 - Path.resolve() follows links
    data = f"{data_folder()}{os.sep}"
    below = path[len(data) :] if path.startswith(data) else f"local{path}"
    return folder.below(f"{FOLDER}/{below}")


def _replaced(column: pd.Series, named: dict[str, str]) -> Array:
    texts = column.astype(str)
    replaced: Array = texts.map(named).where(texts.isin(named), column).to_numpy(object)
    return replaced
