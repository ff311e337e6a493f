"""Progress bars that ``aletheia --quiet`` and ``TQDM_DISABLE=1`` turn off, whoever asks for them."""

from __future__ import annotations

import os
from typing import Any

from tqdm.auto import tqdm as _tqdm

#: Variable of the environment that turns bars off, here and in processes that are started.
DISABLE = "TQDM_DISABLE"


def is_quiet() -> bool:
    """Whether no progress is to be shown."""
    return os.environ.get(DISABLE, "") not in ("", "0")


class tqdm(_tqdm):  # type: ignore[misc]  # noqa: N801 -- a drop-in for the class of this name
    """tqdm's bar; a caller's `disable` can turn it off, but not on against the user."""

    def __init__(self, *args: Any, disable: bool | None = False, **options: Any) -> None:
        super().__init__(*args, disable=True if is_quiet() else disable, **options)
