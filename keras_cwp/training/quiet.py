"""Start TensorFlow in this process: without its start-up notes, and with memory that stays."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys


def import_tensorflow() -> None:
    """Import it, and look for GPUs, with the process's standard error turned away.

    TensorFlow's C++ part tells every user without a GPU so, on lines that no setting silences: they are
    written before its log is set up. An error in the import is a Python exception and is not lost.
    """
    _keep_freed_memory()
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _keep_freed_memory() -> None:
    """Have glibc keep what it frees: a training step asks for the same large blocks again and again.

    By default each goes back to the kernel, to be faulted in and cleared anew: a fifth of a step's CPU time in a
    profile. One arena, because those of further threads cannot hold large blocks. Does nothing where the C library
    is another.
    """
    arena_max, mmap_threshold, trim_threshold = -8, -3, -1  # the parameters' numbers in malloc.h
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(arena_max, 1)
        libc.mallopt(mmap_threshold, 2**30)
        libc.mallopt(trim_threshold, 2**31 - 1)
