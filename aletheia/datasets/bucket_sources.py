"""Sources that lie in a bucket (``s3://…``): the files that are needed are fetched, and read as those of a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from aletheia.core.buckets.addresses import is_bucket_url, parse_url
from aletheia.core.buckets.mirror import local_copy, open_mirror


class Places(NamedTuple):
    """Where a source is on this machine.

    Attributes
    ----------
    source : Path
    manifest, root : path or None
    """

    source: Path
    manifest: str | Path | None
    root: str | Path | None


def fetch_source(source: str | Path, manifest: str | Path | None, root: str | Path | None) -> Places:
    """Fetch a source and its manifest, as far as they lie in a bucket, and return where they are.

    Of a source that is a manifest, and of a folder that only names where paths count from, no further file is fetched:
    see `fetch_rows`.

    Raises
    ------
    InputError
        When one of them cannot be fetched.
    """
    local = local_copy(source)
    table = local_copy(manifest) if manifest is not None and is_bucket_url(manifest) else manifest
    if root is not None and is_bucket_url(root):
        root = open_mirror().local(parse_url(root))
        root.mkdir(parents=True, exist_ok=True)
    return Places(local, table, root)


def fetch_rows(source: str | Path, paths: Iterable[str]) -> None:
    """Fetch the files that a manifest in a bucket names; of one on this machine there is nothing to fetch.

    Raises
    ------
    InputError
        When one of them is not there, or cannot be fetched.
    """
    if not is_bucket_url(source):
        return
    mirror = open_mirror()
    mirror.fetch_all(address for path in paths if (address := mirror.address(path)))  # those that changed, too
