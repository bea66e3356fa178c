"""How this process keeps memory."""

from __future__ import annotations

import contextlib
import ctypes


def keep_freed_memory() -> None:
    """Have glibc keep what it frees: training steps, like radiographs in a row, ask for the same large blocks again.

    By default each goes back to the kernel, to be faulted in and cleared anew: a fifth of a training step's CPU time in
    a profile. One arena, because those of further threads cannot hold large blocks. Does nothing where the C library
    is another.
    """
    arena_max, mmap_threshold, trim_threshold = -8, -3, -1  # the parameters' numbers in malloc.h
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(arena_max, 1)
        libc.mallopt(mmap_threshold, 2**30)
        libc.mallopt(trim_threshold, 2**31 - 1)


def give_back_freed_memory() -> None:
    """Return to the kernel what was freed, after something large that will not come again soon.

    Does nothing where the C library is another.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
