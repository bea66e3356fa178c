"""Start TensorFlow in this process: without its start-up notes, and with memory that stays."""

from __future__ import annotations

import os
import sys

from keras_cwp.memory import keep_freed_memory


def import_tensorflow(keep_memory: bool = True) -> None:
    """Import it, and look for GPUs, with the process's standard error turned away.

    TensorFlow's C++ part tells every user without a GPU so, on lines that no setting silences: they are
    written before its log is set up. An error in the import is a Python exception and is not lost.

    Args:
        keep_memory: see `memory.keep_freed_memory`; not for what runs for months, whose heap would fray.
    """
    if keep_memory:
        keep_freed_memory()
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
