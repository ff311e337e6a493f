"""The one exception for what a user can mend."""

from __future__ import annotations

from typing import ClassVar


class InputError(ValueError):
    """Something that was handed in cannot be used.

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
        InputError.raised.append(str(self))
        del InputError.raised[:-100]
