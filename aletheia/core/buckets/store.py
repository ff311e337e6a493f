"""The server of a bucket: MLRun's datastore speaks to it, here its errors become sentences.

Address and credentials come from the environment, as MLRun and its pods read them: ``AWS_ENDPOINT_URL_S3``,
``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``. Nothing here prints or stores them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.index import Version
from aletheia.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = "AWS_ENDPOINT_URL_S3"
_REFUSED = ("AccessDenied", "403", "401", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken")
TRIES = 4  # of a transfer whose connection breaks off
_THREADS = 8  # requests at a time; the client holds ten connections
_LISTED_FROM = 16  # objects wanted of one folder: from so many on it is listed, a thousand keys a request
_ONE_REQUEST = 16 << 20  # bytes; a larger file is sent in parts, as MLRun's datastore does


def server_name() -> str:
    """Return the host of the server, for messages: no path, no credentials."""
    parts = urlsplit(os.environ.get(ENDPOINT, ""))
    host = parts.hostname or ""
    return f"{host}:{parts.port}" if host and parts.port else host or "Amazon S3"


def server_key() -> str:
    """Return a short name of the server: buckets of one name at two servers are two."""
    return hashlib.sha256(server_name().encode()).hexdigest()[:12]


@contextlib.contextmanager
def explained(what: object) -> Iterator[None]:
    """Turn errors of the client into one sentence each; of the server's answer only the code is read.

    Raises
    ------
    InputError
        For a bucket or an object that is not there, a key that is refused, and a server that does not answer.
    """
    if not (importlib.util.find_spec("boto3") and importlib.util.find_spec("s3fs")):
        raise InputError(f"{what}: to read and write buckets, install the packages of aletheia[s3] (boto3, s3fs).")
    from botocore.exceptions import (  # type: ignore[import-untyped]
        BotoCoreError,
        ClientError,
        HTTPClientError,
        NoCredentialsError,
    )

    where = f"at {server_name()}"
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code == "NoSuchBucket":
            bucket = what.bucket if isinstance(what, Address) else what
            raise InputError(f"{what}: there is no bucket {bucket} {where}. Create it, or mend the address.") from None
        if code in ("NoSuchKey", "404"):
            raise InputError(f"{what}: there is no such object {where}.") from None
        if code in ("PreconditionFailed", "412"):
            raise InputError(f"{what} was changed while it was fetched. Run again.") from None
        if code in (*_REFUSED, "400") and not _has_credentials():  # MLRun asks without, and servers say so in many ways
            raise _without_credentials(what) from None
        if code in _REFUSED:
            raise InputError(
                f"{what}: the server {where} refused the credentials. Check AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, and what that user may do with the bucket."
            ) from None
        raise InputError(f"{what}: the server {where} answered {code or 'with an error'}.") from None
    except NoCredentialsError:
        raise _without_credentials(what) from None
    except (HTTPClientError, BotoCoreError, ConnectionError) as error:
        raise InputError(
            f"{what}: the server {where} does not answer ({type(error).__name__}). Check {ENDPOINT}, and that it runs."
        ) from None


def _has_credentials() -> bool:
    """Whether there are any, in the environment or wherever else Amazon's programs look for them."""
    import botocore.session  # type: ignore[import-untyped]

    try:
        return botocore.session.get_session().get_credentials() is not None
    except botocore.exceptions.BotoCoreError:  # a profile that there is not, say
        return True


def _without_credentials(what: object) -> InputError:
    where = f"at {server_name()}"
    return InputError(
        f"{what}: no credentials for the server {where}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    )


@functools.cache
def client(bucket: str) -> Any:
    """Return the client of MLRun's datastore for a bucket; its threads may share it."""
    return _datastore(bucket).s3.meta.client


@functools.cache
def _datastore(bucket: str) -> Any:
    import mlrun

    with explained(Address(bucket)):
        try:
            return mlrun.datastore.store_manager.get_or_create_store(f"s3://{bucket}/")[0]
        except ValueError as error:
            if not str(error).startswith("Invalid endpoint"):
                raise
            text = f"s3://{bucket}/: {ENDPOINT} is no address of a server; write it as in http://host:9000."
            raise InputError(text) from None


def head(address: Address) -> Version | None:
    """Return the version of one object; None where there is none."""
    from botocore.exceptions import ClientError

    with explained(address):
        try:
            answer = client(address.bucket).head_object(Bucket=address.bucket, Key=address.key)
        except ClientError as error:
            if str(error.response["Error"]["Code"]) in ("404", "NoSuchKey"):
                return None
            raise
    return Version(answer["ETag"].strip('"'), int(answer["ContentLength"]))


def listing(address: Address, *, after: str = "") -> Iterator[tuple[Address, Version]]:
    """Yield the objects below an address, in order of their keys; folders that some programs make as objects are none.

    Parameters
    ----------
    address : Address
        As a folder.
    after : str
        Only keys that follow this one.
    """
    prefix = f"{address.key}/" if address.key else ""
    with explained(address):
        pages = client(address.bucket).get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=address.bucket, Prefix=prefix, StartAfter=after):
            for entry in page.get("Contents", ()):
                if not entry["Key"].endswith("/"):
                    version = Version(entry["ETag"].strip('"'), int(entry["Size"]))
                    yield Address(address.bucket, entry["Key"]), version


def find(wanted: Sequence[Address]) -> Iterator[tuple[Address, Version]]:
    """Yield the versions of objects in few requests, in any order.

    Parameters
    ----------
    wanted : sequence of Address
        Sorted.

    Raises
    ------
    InputError
        When one of them is not there.
    """
    folders: dict[tuple[str, str], list[Address]] = {}
    for address in wanted:
        address.path()  # refused before the server is asked
        folders.setdefault((address.bucket, address.key.rpartition("/")[0]), []).append(address)
    alone = [each for group in folders.values() if len(group) < _LISTED_FROM for each in group]
    with ThreadPoolExecutor(_THREADS) as threads:
        for address, version in zip(alone, threads.map(head, alone), strict=True):
            yield address, _existing(address, version)
    for (bucket, key), group in folders.items():
        if len(group) >= _LISTED_FROM:
            yield from _listed(Address(bucket, key), group)


def _existing(address: Address, version: Version | None) -> Version:
    if version is None:
        raise InputError(f"{address} is named in a manifest, and there is no such object at {server_name()}.")
    return version


def _listed(folder: Address, wanted: Sequence[Address]) -> Iterator[tuple[Address, Version]]:
    """List a folder from the first to the last of the objects that are wanted, which are in order."""
    left = {each.key: each for each in wanted}
    last = wanted[-1].key
    before = wanted[0].key[:-1]  # what precedes the first
    for address, version in listing(folder, after=before):
        if address.key in left:
            yield left.pop(address.key), version
        if address.key >= last:
            break
    for address in left.values():
        yield address, _existing(address, head(address))


def check_bucket(address: Address) -> None:
    """Ask for one object of a folder, to fail now rather than after hours.

    Raises
    ------
    InputError
        When there is no such bucket, or its server refuses or does not answer.
    """
    with explained(address):
        client(address.bucket).list_objects_v2(Bucket=address.bucket, Prefix=address.key, MaxKeys=1)


def send(file: Path, address: Address) -> Version:
    """Write a file into a bucket and return its version there."""
    size = file.stat().st_size
    with explained(address):
        if size > _ONE_REQUEST:
            _datastore(address.bucket).upload(f"/{address.key}", str(file))
            answer = client(address.bucket).head_object(Bucket=address.bucket, Key=address.key)
        else:
            with file.open("rb") as body:
                answer = client(address.bucket).put_object(Bucket=address.bucket, Key=address.key, Body=body)
    return Version(answer["ETag"].strip('"'), size)


def receive(address: Address, file: Path) -> None:
    """Write an object to a file, past the mirror: for what is read once.

    Raises
    ------
    InputError
        Of `explained`; also when the connection breaks off again and again.
    """
    with file.open("wb") as target:
        _copy(address, target)


def read_part(address: Address, start: int, size: int) -> bytes:
    """Read a part of an object; less where it ends.

    Parameters
    ----------
    address : Address
    start, size : int
        Bytes; at least one.

    Raises
    ------
    InputError
        As `receive`.
    """
    target = io.BytesIO()
    _copy(address, target, Range=f"bytes={start}-{start + size - 1}")
    return target.getvalue()


def _copy(address: Address, target: IO[bytes], **part: str) -> None:
    """Write the answer to a request to a file; a connection that breaks off meanwhile is tried again."""
    with explained(address):
        from botocore.exceptions import IncompleteReadError, ResponseStreamingError
        from urllib3.exceptions import HTTPError

        for attempt in range(TRIES):
            answer = client(address.bucket).get_object(Bucket=address.bucket, Key=address.key, **part)
            target.seek(0)
            target.truncate()
            try:
                for piece in answer["Body"].iter_chunks(1 << 20):
                    target.write(piece)
            except (HTTPError, IncompleteReadError, ResponseStreamingError, ConnectionError) as error:
                if attempt + 1 == TRIES:
                    raise ConnectionResetError(f"{address} broke off") from error
            else:
                return
