"""Objects of buckets that a worker of a cluster reads once: fetched past the mirror, and not kept."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from aletheia.core.buckets import store
from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.mirror import open_mirror
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.core.shards import HEADER_BYTES, Member, content_bytes, parse_member


@contextlib.contextmanager
def fetched(source: Address) -> Iterator[Path]:
    """Have an object as a file of its suffix, alone in a folder that is deleted afterwards.

    Of a shard only the member is fetched that the address names, see `addresses`.

    Raises
    ------
    InputError
        When it cannot be fetched: which is no fault of the file.
    """
    with tempfile.TemporaryDirectory(prefix="aletheia-object-") as folder:
        file = Path(folder) / f"original{PurePosixPath(source.key).suffix}"
        if member := parse_member(source.key):
            file.write_bytes(_content(Address(source.bucket, member.shard), member))
        else:
            store.receive(source, file)
        yield file


def _content(shard: Address, member: Member) -> bytes:
    try:
        size = content_bytes(store.read_part(shard, member.offset, HEADER_BYTES), member)
    except OSError as error:
        raise InputError(f"{shard}: {member.name} is not there ({error}). Make its manifest again.") from None
    # What is larger than any picture is refused when it is read, as a file is.
    size = min(size, get_settings().max_file_bytes + 1)
    return store.read_part(shard, member.offset + HEADER_BYTES, size) if size else b""


def addresses(paths: Sequence[str]) -> list[Address] | None:
    """Return the addresses of files that belong to the mirror of buckets; None when one does not.

    That of a member of a shard has the member's place as the end of its key.
    """
    mirror, found = open_mirror(), list[Address]()
    for path in paths:
        place, member = mirror.address(path), parse_member(path)
        if place is None:
            return None
        found.append(place if member is None else Address(place.bucket, f"{place.key}/{member.offset}/{member.name}"))
    return found
