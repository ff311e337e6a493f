"""Types of arrays, as annotations; shapes and units stand in the docstrings."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

#: An array of any shape and number type.
Array = npt.NDArray[Any]
