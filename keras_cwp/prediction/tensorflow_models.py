"""Models that need TensorFlow to be opened: .keras files and SavedModels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cwp.errors import ModelError
from keras_cwp.models.deploy import deploy
from keras_cwp.prediction import onnx_format
from keras_cwp.prediction.card import CARD_FILE, contract_of
from keras_cwp.prediction.predictor import Predictor
from keras_cwp.training.run import ModelContract, common_contract
from keras_cwp.training.saved import load_with_contract

_ENGINE = f"TensorFlow {tf.__version__}"


def of_networks(paths: list[Path]) -> Predictor:
    """The mean of the probabilities of .keras files, or of folders that hold one.

    Raises:
        ModelError: one that cannot be read, or contracts that differ.
        RunError: a model without its contract.
    """
    loaded = [load_with_contract(path) for path in paths]
    first = common_contract([contract for _, contract in loaded])
    by_runtime = _is_for_onnx_runtime([network for network, _ in loaded])
    forwards = [_onnx_forward(*each) if by_runtime else _forward(each[0], first.image_size) for each in loaded]
    engine = onnx_format.engine_name() if by_runtime else _ENGINE
    return Predictor(first, lambda pixels: np.mean([forward(pixels) for forward in forwards], axis=0), engine)


def _is_for_onnx_runtime(networks: list[Any]) -> bool:
    return not any(map(onnx_format.why_not_onnx, networks)) and not tf.config.list_physical_devices("GPU")


def _onnx_forward(network: Any, contract: ModelContract) -> Callable[[Any], np.ndarray]:
    return onnx_format.run_onnx(onnx_format.to_onnx(network, contract))


def _forward(network: Any, size: int) -> Callable[[Any], np.ndarray]:
    network = deploy(network)
    logits = tf.function(
        lambda pixels: tf.cast(network(pixels, training=False), tf.float32),
        input_signature=[tf.TensorSpec([None, size, size, 1], tf.float32)],
        autograph=False,
    )
    return lambda pixels: tf.nn.softmax(tf.cast(logits(pixels), tf.float64)).numpy()


def of_saved_model(version: Path) -> Predictor:
    """A version that `keras-cwp export` wrote.

    Raises:
        ModelError: it is none, or cannot be read.
    """
    try:
        contract = contract_of(json.loads((version / CARD_FILE).read_text(encoding="utf-8")))
        loaded = tf.saved_model.load(str(version))
        loaded.signatures["pixels"]
    except (OSError, ValueError, KeyError, TypeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"MODEL {version}: not a SavedModel that keras-cwp export wrote: {reason}") from None

    def ask(pixels: Any) -> np.ndarray:  # holds `loaded`, for a signature alone does not keep its variables alive
        answer = loaded.signatures["pixels"](pixels=tf.constant(pixels, tf.float32))
        return answer["probabilities"].numpy().astype(np.float64)

    return Predictor(contract, ask, _ENGINE)
