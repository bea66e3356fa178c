"""The start of a process that trains folds; it imports TensorFlow quietly, so nothing here may import it before."""

from __future__ import annotations

from keras_cwp.data.child import leave_with_parent
from keras_cwp.training.quiet import import_tensorflow


def start_child(threads: int | None) -> None:
    """Start TensorFlow with so many threads (see threads.py), and end when the parent does."""
    leave_with_parent()
    import_tensorflow()
    from keras_cwp.training.threads import use_threads

    use_threads(threads)
