"""Start TensorFlow quietly; the processes that `cv --jobs` starts do so too, which is why it is done elsewhere."""

from keras_cwp.training.quiet import import_tensorflow

__all__ = ["import_tensorflow"]
