"""What names a picture wherever it lies: its content, else its looks, else its place."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.datasets.schema import as_text

_UNKNOWN = ("", "0")  # a perceptual hash of 0 stands for none


def picture_keys(rows: pd.DataFrame) -> Array:
    """Return the name (n,) str of each picture of a manifest.

    Its content (``sha256``), else its perceptual hash, else the path of the picture that the face was cut from, else
    its own.
    """
    keys = np.full(len(rows), "", dtype=object)
    for name in ("sha256", "phash", "original", "path"):
        if name in rows:
            texts = as_text(rows[name])
            keys = np.where((keys == "") & ~np.isin(texts, _UNKNOWN), texts, keys)
    return keys


def hash_texts(texts: Array) -> Array:
    """Return the first 64 bits (n,) uint64 of the SHA-256 of each text (n,): the same on every machine, ever."""
    values, number = np.unique(texts.astype(str), return_inverse=True)
    digests = b"".join(hashlib.sha256(value.encode()).digest()[:8] for value in values)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)[number]


def picture_hashes(rows: pd.DataFrame) -> Array:
    """Return the hash (n,) uint64 of the name of each picture, see `picture_keys`."""
    return hash_texts(picture_keys(rows))


def looks_hashes(rows: pd.DataFrame) -> tuple[Array, Array]:
    """Return the hash (n,) uint64 of each perceptual hash, and whether (n,) there is one."""
    texts = as_text(rows["phash"]) if "phash" in rows else np.full(len(rows), "", dtype=object)
    return hash_texts(texts), ~np.isin(texts, _UNKNOWN)
