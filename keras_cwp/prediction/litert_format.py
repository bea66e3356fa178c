"""A network as LiteRT (once TensorFlow Lite), in float32 and with weights of eight bits, and its interpreter.

TensorFlow is imported by what needs it: predict answers without it where it can.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_cwp.errors import ServingError
from keras_cwp.training.run import ModelContract

Ask = Callable[[Any], np.ndarray]

_REASON = 200  # characters of the converter's error that are shown
SIGNATURE, PIXELS, PROBABILITIES = "pixels", "pixels", "probabilities"


def to_litert(network: Any, contract: ModelContract) -> bytes:
    """The network, rewritten for inference, in float32.

    Raises:
        ServingError: it cannot be converted.
    """
    return _convert(network, contract, [])


def to_litert_int8(network: Any, contract: ModelContract) -> bytes:
    """The same with dynamic-range quantisation: weights int8 by channel, activations as they are when it runs."""
    import tensorflow as tf

    return _convert(network, contract, [tf.lite.Optimize.DEFAULT])


def run_litert(content: bytes) -> Ask:
    """float32 [B, image_size, image_size, 1] in [0, 1] → probabilities float64 [B, classes], by the interpreter.

    Raises:
        ServingError: the file is no model with our signature.
    """
    try:
        interpreter = _interpreter_class()(model_content=content)
        runner = interpreter.get_signature_runner(SIGNATURE)
    except ValueError as error:
        raise ServingError(f"the LiteRT interpreter cannot read the model: {' '.join(str(error).split())}") from None

    def ask(pixels: Any) -> np.ndarray:
        return runner(**{PIXELS: np.asarray(pixels, np.float32)})[PROBABILITIES].astype(np.float64)

    return ask


def engine_name() -> str:
    """The interpreter that `run_litert` uses."""
    module = _interpreter_class().__module__.partition(".")[0]
    if module == "ai_edge_litert":
        return "LiteRT (ai-edge-litert)"
    import tensorflow as tf

    return f"LiteRT (TensorFlow {tf.__version__})"


def _interpreter_class() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        return tf.lite.Interpreter
    return Interpreter


def _convert(network: Any, contract: ModelContract, optimizations: list[Any]) -> bytes:
    import keras
    import tensorflow as tf

    from keras_cwp.models.deploy import deploy

    deployed, side = deploy(network, portable=True), contract.image_size

    def answer(pixels: Any) -> dict[str, Any]:
        return {PROBABILITIES: tf.nn.softmax(tf.cast(deployed(pixels, training=False), tf.float32))}

    archive = keras.export.ExportArchive()
    if deployed is network:
        archive.track(network)
    archive.add_endpoint(SIGNATURE, answer, [tf.TensorSpec([None, side, side, 1], tf.float32, name=PIXELS)])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.optimizations = optimizations
        try:
            return bytes(converter.convert())
        except Exception as error:  # of several kinds, some of them hundreds of lines long
            reason = str(error).strip().split("\n")[0][:_REASON]
            raise ServingError(f"--format litert: {network.name!r} cannot be converted: {reason}") from None
