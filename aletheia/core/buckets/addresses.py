"""Addresses of objects in a bucket, and the paths under which a mirror keeps them.

A key is what the owner of the bucket likes: ``../../etc/passwd`` is a valid one. Every key therefore passes
:meth:`Address.path` before it names a file.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
import unicodedata
from pathlib import Path

from aletheia.core.errors import InputError

#: Also as `Path` writes it, with one slash.
_URL = re.compile(r"s3:/{1,2}(?P<bucket>[^/]*)(?:/(?P<key>.*))?", re.IGNORECASE | re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_OTHER_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_LONGEST_NAME, _LONGEST_KEY = 255, 1024  # bytes: of a file's name on most systems, and of a key in S3


@dataclasses.dataclass(frozen=True, order=True)
class Address:
    """A bucket and a key in it; a key that is empty, or ends with a slash, stands for all objects below.

    Attributes
    ----------
    bucket, key : str
    """

    bucket: str
    key: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def below(self, name: str) -> Address:
        """Return the address of an object in this folder."""
        return Address(self.bucket, f"{self.key}/{name}".lstrip("/"))

    def path(self) -> str:
        """Return the path of the object below the mirror's folder, ``bucket/key``.

        Raises
        ------
        InputError
            For a key that is no path below a folder: absolute, with ``..`` or ``.``, empty or overlong parts, or
            characters that do not print.
        """
        if not self.key:
            return self.bucket
        parts = self.key.split("/")
        sizes = [len(part.encode(errors="surrogatepass")) for part in parts]
        is_long = max(sizes) > _LONGEST_NAME or sum(sizes) > _LONGEST_KEY
        if is_long or any(part in ("", ".", "..") for part in parts) or _has_controls(self.key):
            raise InputError(
                f"The bucket {self.bucket} holds an object of the name {self.key[:100]!r}, which is no path of a file "
                "below a folder. Rename or delete it."
            )
        return f"{self.bucket}/{self.key}"


def is_bucket_url(text: str | Path) -> bool:
    """Whether a text is an address in a bucket, ``s3://…``."""
    return bool(_URL.fullmatch(str(text)))


def parse_url(url: str | Path) -> Address:
    """Read ``s3://bucket/key``; slashes at the end go.

    Raises
    ------
    InputError
        For an address without a bucket, with a name that no bucket has, or with credentials in it, which are not
        repeated.
    """
    found = _URL.fullmatch(str(url))
    bucket = found["bucket"] if found else ""
    if "@" in bucket:
        raise InputError(
            "An address in a bucket is s3://BUCKET/NAME, without credentials: put them into AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY."
        )
    if not _BUCKET.fullmatch(bucket):
        raise InputError(f"{str(url)[:200]} names no bucket; expected s3://BUCKET/NAME.")
    return Address(bucket, (found["key"] or "" if found else "").rstrip("/"))


def resolve(text: str, folder: Address) -> Address:
    """Return what a path in a manifest leads to, which itself lies in a bucket.

    Parameters
    ----------
    text : str
        An address, or relative to the folder of the manifest; ``..`` may lead to other folders of the bucket.
    folder : Address
        The folder of the manifest.

    Raises
    ------
    InputError
        For a path that leads out of the bucket, or to a file of the machine that wrote it.
    """
    if is_bucket_url(text):
        return parse_url(text)
    joined = posixpath.normpath(posixpath.join(folder.key, text)) if text else ".."
    if text.startswith(("/", "~")) or _OTHER_SCHEME.match(text) or joined in (".", "..") or joined.startswith("../"):
        raise InputError(
            f"A manifest in {folder} names {text[:200]!r}, which is in no bucket: its paths count from its folder. "
            "Make it again, with the artifact path in a bucket."
        )
    return Address(folder.bucket, joined)


def relative(target: Address, folder: Address) -> str:
    """Return the path of an object from the folder of a manifest, the inverse of `resolve`."""
    text = posixpath.relpath(f"/{target.key}", f"/{folder.key}")
    if target.bucket != folder.bucket or text.startswith("~") or _OTHER_SCHEME.match(text):
        return str(target)
    return text


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
