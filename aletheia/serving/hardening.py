"""What the system is told about the process that serves."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_PR_SET_DUMPABLE = 4  # linux/prctl.h
_LARGE = 1 << 20


def give_memory_back() -> None:
    """Let glibc return what large pictures took as soon as they are gone.

    By default it keeps a heap for each of many threads and, once large blocks were freed, ever larger ones in these
    heaps, so that the memory of a process that decodes pictures of all sizes creeps up for hours (mallopt(3)). Does
    nothing where the C library is another one.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if sys.platform != "linux" or mallopt is None:
        return
    for parameter, value in ((_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, _LARGE), (_M_TRIM_THRESHOLD, _LARGE)):
        mallopt(parameter, value)


def keep_to_itself() -> None:
    """Keep other processes of this user, the decoders above all, from reading memory and environment of this one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
