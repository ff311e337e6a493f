"""What the machine lacks, in one sentence: space, rights, memory, open files, processes, a name for the user."""

from __future__ import annotations

import contextlib
import errno
import getpass
import os
import re
from http import HTTPStatus

from aletheia.core.errors import DISK_FULL, is_disk_full_message

TOO_LITTLE_MEMORY = (
    "There is too little memory for this: end other programs, raise the limit (ulimit -v, or that of the container), or"
    " work with fewer processes (ALETHEIA_WORKERS=1)."
)
_TOO_MANY_PROCESSES = "No further process or thread can be started: raise the limit (ulimit -u), or end others."

_TOO_MANY_FILES = "No further file can be opened: raise the limit on open files, as in ulimit -n 4096."
_SYSTEM = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.ENOMEM: TOO_LITTLE_MEMORY,
    errno.EMFILE: _TOO_MANY_FILES,
    errno.ENFILE: _TOO_MANY_FILES,
    errno.EAGAIN: _TOO_MANY_PROCESSES,
}
_RIGHTS = (errno.EACCES, errno.EPERM, errno.EROFS)
# How C++, PyTorch, OpenCV, the loader of shared libraries and the system say it when they do not raise MemoryError.
_MEMORY = re.compile(
    r"MemoryError|bad_alloc|can't allocate memory|Unable to allocate|Insufficient memory|out of memory"
    rf"|failed to map segment|cannot allocate memory|{re.escape(os.strerror(errno.ENOMEM))}",
    re.IGNORECASE,
)


def explain(error: BaseException) -> str | None:
    """Say in a sentence or two what the machine lacks, and what to do; None for an error with another cause.

    Parameters
    ----------
    error : BaseException
        As the system or a library raised it.
    """
    if isinstance(error, MemoryError):
        return TOO_LITTLE_MEMORY
    if isinstance(error, OSError):
        return _explain_system(error)
    if isinstance(error, RuntimeError | ImportError):
        return explain_text(f"{type(error).__name__}: {error}")
    return None


def explain_text(text: str) -> str | None:
    """Do the same for an error of which only the text is left, as MLRun keeps it when a handler raised."""
    if is_disk_full_message(text):
        return DISK_FULL
    if _MEMORY.search(text):
        return TOO_LITTLE_MEMORY
    if "can't start new thread" in text:
        return _TOO_MANY_PROCESSES
    return None


def _explain_system(error: OSError) -> str | None:
    if getattr(error, "code", None) == HTTPStatus.INSUFFICIENT_STORAGE:  # urllib.error.HTTPError
        return DISK_FULL
    sentence = _SYSTEM.get(error.errno or 0)
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
    if error.errno in _RIGHTS and place is not None:
        return f"{place} cannot be used ({error.strerror}): give this user the right to it, or name another place."
    return None if error.errno == errno.EAGAIN and place is not None else sentence


def complete_user() -> None:
    """Give the user of this process a name and a home where the system knows neither, as in ``docker run -u 12345``.

    Many libraries, MLRun and IPython among them, ask for them and fail without. The home is ``/``, as Docker sets it:
    what is to be kept there needs a folder named by a variable.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        os.environ["LOGNAME"] = os.environ["USER"] = f"uid-{os.getuid()}"
    if os.path.expanduser("~") == "~":  # noqa: PTH111 -- Path.home() raises instead
        os.environ["HOME"] = "/"


def home_folder_error(variables: str) -> str:
    """Say that this user has no home folder, and which variables name what would be in it."""
    name = f"user {os.getuid()}"
    with contextlib.suppress(KeyError, OSError):
        name = getpass.getuser()
    return f"No home folder is known for {name}: set HOME, or {variables}, to a folder that can be written."
