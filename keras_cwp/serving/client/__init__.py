"""A client of TensorFlow Serving, and of `keras-cwp serve`, that does not import TensorFlow."""
