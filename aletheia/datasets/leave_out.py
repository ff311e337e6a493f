"""Manifests without one generator or one source, to train on all others and test on it."""

from __future__ import annotations

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.wording import counted

KINDS = ("generator", "source")
NOTHING = "nothing"


def check_leave_out(leave_out: str) -> None:
    """Refuse, by InputError, anything but ``"generator=NAME"``, ``"source=NAME"`` and ``"nothing"``."""
    kind, _, value = leave_out.partition("=")
    if leave_out != NOTHING and (kind not in KINDS or not value):
        raise InputError(f"{leave_out!r} cannot be left out; write generator=NAME or source=NAME.")


def leave_out_rows(frame: pd.DataFrame, leave_out: str) -> pd.DataFrame:
    """Return the rows without the fakes of a generator, or without a source.

    Parameters
    ----------
    frame : DataFrame
        A manifest.
    leave_out : str
        ``"generator=NAME"``, ``"source=NAME"``, or ``"nothing"``.

    Raises
    ------
    InputError
        When there is no such row, or no genuine or no fake row would be left.
    """
    check_leave_out(leave_out)
    if leave_out == NOTHING:
        return frame
    kind, _, value = leave_out.partition("=")
    is_left_out = frame[kind].astype(str) == value
    if not is_left_out.any():
        values = sorted(set(frame[kind].astype(str)) - {""})
        raise InputError(f"No row has the {kind} {value!r}; there are {', '.join(values[:12]) or 'none'}.")
    kept = frame[~is_left_out].reset_index(drop=True)
    if set(kept["label"]) != {"real", "fake"}:
        raise InputError(f"Without {leave_out} only one class is left to learn from ({counted(len(kept), 'row')}).")
    return kept
