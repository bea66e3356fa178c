"""One way to ask every kind of model: a run, a .keras file, a SavedModel."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cwp.errors import CwpError, ModelError
from keras_cwp.models.deploy import deploy
from keras_cwp.models.steps import can_plan
from keras_cwp.prediction import onnx_format
from keras_cwp.prediction.card import CARD_FILE, contract_of, versions
from keras_cwp.prediction.formats import open_converted
from keras_cwp.training.run import ModelContract, fold_folders
from keras_cwp.training.saved import MODEL_FILE, load_with_contract, model_folders


@dataclass(frozen=True)
class Predictor:
    """A model that is ready to answer.

    Args:
        contract: classes in order and how a region becomes the input.
        ask: float32 [B, image_size, image_size, 1] in [0, 1] → probabilities float64 [B, classes].
        engine: what computes them.
    """

    contract: ModelContract
    ask: Callable[[Any], np.ndarray]
    engine: str = f"TensorFlow {tf.__version__}"


def open_predictor(path: Path) -> Predictor:
    """Open a RUN (of cv: the mean of its folds' probabilities), a .keras file, an exported version or its parent.

    Networks run in ONNX Runtime where it is installed, knows them, and there is no GPU; else in TensorFlow.

    Raises:
        ModelError: none of these, or one that cannot be read.
        RunError: a model without its contract.
    """
    if (path / "saved_model.pb").is_file():
        return _of_saved_model(path)
    if versions(path) and not (path / MODEL_FILE).exists():
        return open_predictor(path / str(versions(path)[-1]))
    if converted := open_converted(path):
        return Predictor(*converted)
    if path.suffix == ".keras" and path.is_file():
        return _of_networks([load_with_contract(path)])
    if (path / MODEL_FILE).is_file() or any((fold / MODEL_FILE).is_file() for fold in fold_folders(path).values()):
        return _of_networks([load_with_contract(folder) for folder in model_folders(path).values()])
    raise ModelError(
        f"MODEL {path}: {'no model in it' if path.exists() else 'no such file or folder'}; expected a completed RUN, "
        "a .keras file that fit or cv wrote, or a version that export wrote"
    )


def _of_networks(loaded: list[tuple[Any, ModelContract]]) -> Predictor:
    contracts = [contract for _, contract in loaded]
    first = contracts[0]
    if any(replace(each, data_hash="") != replace(first, data_hash="") for each in contracts):
        raise ModelError("MODEL: the folds of the run disagree about classes or input; their model.json differ")
    by_runtime = _is_for_onnx_runtime([network for network, _ in loaded])
    forwards = [_onnx_forward(*each) if by_runtime else _forward(each[0], first.image_size) for each in loaded]
    predictor = Predictor(first, lambda pixels: np.mean([forward(pixels) for forward in forwards], axis=0))
    return replace(predictor, engine=onnx_format.engine_name()) if by_runtime else predictor


def _is_for_onnx_runtime(networks: list[Any]) -> bool:
    return onnx_format.is_installed() and all(map(can_plan, networks)) and not tf.config.list_physical_devices("GPU")


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


def _of_saved_model(version: Path) -> Predictor:
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

    return Predictor(contract, ask)


def check_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """The probabilities, renormalised in float64.

    Raises:
        CwpError: one of them is not finite, so the weights are damaged.
    """
    if not np.isfinite(probabilities).all():
        raise CwpError("MODEL: it answers with values that are no numbers; its weights are damaged")
    return probabilities / probabilities.sum(axis=1, keepdims=True)
