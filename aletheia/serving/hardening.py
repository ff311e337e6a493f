"""Settings of the operating system for the process that serves."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_PR_SET_DUMPABLE = 4  # linux/prctl.h
_LARGE = 1 << 20


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
