"""Fetching what a file still lacks of an object."""

from __future__ import annotations

from typing import IO

from aletheia.core.buckets import store
from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.index import Version
from aletheia.core.errors import InputError

_PIECE = 1 << 20


def append_rest(file: IO[bytes], address: Address, version: Version) -> None:
    """Fetch what a file still lacks of an object.

    Parameters
    ----------
    file : binary file
        Open for appending, with the beginning of the object, of whatever length.
    address : Address
    version : Version
        What the object has to be; another one is not mixed with what is there.

    Raises
    ------
    InputError
        When the object is another one by now, or the server refuses or does not answer.
    ConnectionError
        When the connection breaks off; what came is in the file.
    """
    start = file.tell()
    if start > version.size:
        file.truncate(0)
        start = 0
    if start == version.size:
        return
    part = {"Range": f"bytes={start}-"} if start else {}
    with store.explained(address):
        answer = store.client(address.bucket).get_object(
            Bucket=address.bucket, Key=address.key, IfMatch=f'"{version.etag}"', **part
        )
        if answer["ETag"].strip('"') != version.etag:
            raise InputError(f"{address} was changed while it was fetched. Run again.")
    _copy(answer["Body"], file, address, version.size - start)


def _copy(body: IO[bytes], file: IO[bytes], address: Address, expected: int) -> None:
    """Write an answer to a file, what came of it when it breaks off."""
    import botocore.exceptions  # type: ignore[import-untyped]
    import urllib3.exceptions

    try:
        while expected > 0 and (piece := body.read(min(_PIECE, expected))):
            file.write(piece)
            expected -= len(piece)
    except (botocore.exceptions.HTTPClientError, botocore.exceptions.IncompleteReadError, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
            raise
        raise ConnectionResetError(f"{address} broke off") from None
    except urllib3.exceptions.HTTPError:
        raise ConnectionResetError(f"{address} broke off") from None
    finally:
        file.flush()
    if expected:
        raise ConnectionResetError(f"{address} broke off")
