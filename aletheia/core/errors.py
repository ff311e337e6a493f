"""The tree of exceptions, and the one for what a user can mend."""

from __future__ import annotations

import errno
import os
from typing import ClassVar


class AletheiaError(Exception):
    """Base of every exception that this package defines."""


class InputError(AletheiaError, ValueError):
    """An input cannot be used.

    The message says what is wrong, where, and what to do about it. Command lines print it without a traceback
    and exit with code 2; everything else that is raised is a defect of the project and keeps its traceback.

    Attributes
    ----------
    raised : list of str
        The messages of this process so far. MLRun turns whatever a handler raises into an error text of the run; this
        is how the command line tells a user's mistake from a defect afterwards.
    """

    raised: ClassVar[list[str]] = []

    def __init__(self, *args: object):
        super().__init__(*args)
        InputError.raised.append(str(self)[:4000])
        del InputError.raised[:-100]


#: The message of every command when there is no space left.
DISK_FULL = "The disk is full. Nothing that was finished is lost: free some space and run the same command again."


def is_disk_full_message(text: str) -> bool:
    """Tell whether an error text says that the disk is full: in the system's words, in SQLite's or in ours.

    Parameters
    ----------
    text : str
        An error's message, as MLRun keeps it when a handler raised.
    """
    return os.strerror(errno.ENOSPC) in text or "disk is full" in text
