"""The annotation of arrays."""

from __future__ import annotations

import typing

import numpy as np

from aletheia.core.arrays import Array


def test_array_is_a_numpy_array_of_any_type():
    assert typing.get_origin(Array) is np.ndarray
