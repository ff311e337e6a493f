"""Settings of the operating system for the process that serves."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys

from aletheia.core.errors import InputError
from aletheia.serving.config import ServeConfig

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_PR_SET_DUMPABLE = 4  # linux/prctl.h
_LARGE = 1 << 20
# Open files: of the process itself with its page; of each decoding process (socket, shared memory, its start); of each
# request (connection, body on the disk, shared memory).
_OWN_FILES, _FILES_OF_DECODER, _FILES_OF_REQUEST = 64, 6, 3
_ENOUGH_FILES = 65_536  # for many idle connections besides


def return_freed_memory() -> None:
    """Let glibc return the memory of large pictures to the system as soon as they are freed.

    By default it keeps a heap for each of many threads and, once large blocks were freed, ever larger ones in these
    heaps, so that the memory of a process that decodes pictures of all sizes grows for hours (mallopt(3)). Does
    nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if sys.platform != "linux" or mallopt is None:
        return
    for parameter, value in ((_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, _LARGE), (_M_TRIM_THRESHOLD, _LARGE)):
        mallopt(parameter, value)


def forbid_inspection() -> None:
    """Keep other processes of this user, above all the decoders, from reading memory and environment of this one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def reserve_files(config: ServeConfig) -> None:
    """Raise the limit of open files as far as the system allows.

    Raises
    ------
    InputError
        When that is too few for the requests that this configuration lets in at the same time: the service would drop
        connections under load, with nothing but an error in the log.
    """
    needed = _OWN_FILES + _FILES_OF_DECODER * config.workers + _FILES_OF_REQUEST * (config.queue + config.workers)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return
    limit = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(_ENOUGH_FILES, hard)
    if soft < limit:
        with contextlib.suppress(ValueError, OSError):  # macOS has a lower one that it does not name
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            soft = limit
    if soft < needed:
        raise InputError(
            f"The service may open {soft} files, and needs {needed} for {config.workers} workers and a queue of"
            f" {config.queue}: raise the limit (ulimit -n {needed}), or choose less (--workers, --limit queue=…)."
        )
