"""Which program computes the network of a served version: TensorFlow, or ONNX Runtime where it answers the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_cwp.errors import ServingError
from keras_cwp.prediction.onnx_format import engine_name, is_installed, open_session
from keras_cwp.runtime import install_command
from keras_cwp.serving.bundled_onnx import read_onnx
from keras_cwp.serving.expected import answers_of, read_expected
from keras_cwp.serving.server.around_network import AroundNetwork, Network
from keras_cwp.serving.server.batching import Arrays
from keras_cwp.serving.server.parameters import BatchingParameters
from keras_cwp.serving.server.servable import Servable
from keras_cwp.serving.server.settings import Engine

BOUND = 1e-4  # largest difference of a number in an answer that ONNX Runtime may make
_CHUNK = 8  # images at a time, as in prediction/onnx_format.py


def open_servable(version: Path, parameters: BatchingParameters, engine: Engine) -> Servable:
    """Load a version, warmed up, with the engine that was asked for.

    `auto` takes ONNX Runtime if the version has an ONNX form, ONNX Runtime is installed and no GPU is there, and every
    answer to the warm-up requests is what the SavedModel answered at its export; else TensorFlow, and
    `Servable.why_not_onnx` says why.

    Raises:
        ServingError: the version cannot be loaded, or `onnx` was asked for and ONNX Runtime cannot be taken.
    """
    if engine == "tensorflow":
        return Servable(version, parameters)
    try:
        return _compared(version, parameters, _onnx_network(version, engine))
    except ServingError as error:
        reason = str(error)
    if engine == "onnx":
        raise ServingError(f"--engine onnx: {reason}")
    servable = Servable(version, parameters)
    servable.why_not_onnx = reason
    return servable


def _onnx_network(version: Path, engine: Engine) -> Network:
    if engine == "auto" and tf.config.list_physical_devices("GPU"):
        raise ServingError("there is a GPU, which ONNX Runtime does not use here")
    if not is_installed():
        raise ServingError(f"ONNX Runtime is not installed: {install_command('onnx')}")
    session = open_session(read_onnx(version), spin=False)
    (pixels,), (probabilities,) = session.get_inputs(), session.get_outputs()

    def ask(images: np.ndarray) -> np.ndarray:
        chunks = [images[start : start + _CHUNK] for start in range(0, max(len(images), 1), _CHUNK)]
        answers = [session.run([probabilities.name], {pixels.name: chunk})[0] for chunk in chunks]
        return answers[0] if len(answers) == 1 else np.concatenate(answers)

    return ask


def _compared(version: Path, parameters: BatchingParameters, network: Network) -> Servable:
    """The version under ONNX Runtime.

    Raises:
        ServingError: it cannot be loaded so, or an answer differs.
    """
    expected = read_expected(version)
    servable = Servable(version, parameters, lambda folder: AroundNetwork(folder, network), engine_name())
    try:
        found = answers_of(servable)
        same = len(found) == len(expected) > 0
        difference = max(map(_difference, expected, found)) if same else np.inf
        if not difference <= BOUND:
            raise ServingError(
                f"{engine_name()} differs from the SavedModel by {difference:.2g} in a warm-up answer, more than "
                f"{BOUND:g}"
            )
    except BaseException:
        servable.close()
        raise
    return servable


def _difference(expected: Arrays, found: Arrays) -> float:
    """Largest difference of a number; infinite where anything else differs."""
    if expected.keys() != found.keys():
        return np.inf
    return max((_distance(expected[name], found[name]) for name in expected), default=0.0)


def _distance(expected: np.ndarray, found: np.ndarray) -> float:
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return np.inf
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(expected, found) else np.inf
    if not np.array_equal(np.isnan(expected), np.isnan(found)):
        return np.inf
    return float(np.nan_to_num(np.abs(expected.astype(float) - found)).max(initial=0.0))
