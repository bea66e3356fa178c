"""An embedded server with TensorFlow Serving's own API."""
