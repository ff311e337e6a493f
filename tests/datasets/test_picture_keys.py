"""The names and hashes of pictures: content before looks before place, the same on every machine."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from aletheia.datasets.picture_keys import hash_texts, looks_hashes, picture_hashes, picture_keys


def test_picture_keys_take_the_best_name():
    rows = pd.DataFrame({"path": list("abcd"), "original": ["o", "o", "o", ""], "phash": [7, 7, 0, 0]})
    rows["sha256"] = ["f" * 64, "", "", ""]
    assert picture_keys(rows).tolist() == ["f" * 64, "7", "o", "d"]
    assert picture_keys(rows[["path"]]).tolist() == list("abcd")
    assert looks_hashes(rows)[1].tolist() == [True, True, False, False]
    assert looks_hashes(rows[["path"]])[1].tolist() == [False] * 4


def test_hashes_are_the_first_64_bits_of_sha256():
    words = ["b", "a", "b"]
    expected = [int(hashlib.sha256(word.encode()).hexdigest()[:16], 16) for word in words]
    assert hash_texts(np.array(words, dtype=object)).tolist() == expected
    assert picture_hashes(pd.DataFrame({"path": words})).tolist() == expected
    assert hash_texts(np.empty(0, dtype=object)).shape == (0,)
