"""The exported functions without the network, as a SavedModel of its own: what comes before the network, and after.

A server that computes the network with another program than TensorFlow runs one half, that program and the other half,
one after the other. So TensorFlow never calls back into Python, and an answer of two programs can differ only where the
network's own probabilities do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_cwp.prediction.judging import Judging
from keras_cwp.runtime import errors_of_tensorflow_only
from keras_cwp.serving.endpoints import ENDPOINTS, Endpoint
from keras_cwp.serving.signatures import Answer, Signatures
from keras_cwp.serving.warmup import written_by_tensorflow
from keras_cwp.training.run import ModelContract

AROUND_FOLDER = "assets.extra/around_network"
BEFORE, AFTER = "before_", "after_"  # what a signature's name has in front of it in each half
VIEWS = "views"  # float32 [views, B, image_size, image_size, 1], from the first half
PROBABILITIES = "probabilities"  # float32 [B, classes], the mean of the views, to the second half
_STATUS, _DISTANCE = "status", "distance"  # passed on from the first half to the second


def write_around(version: Path, contract: ModelContract, negative: str, judging: Judging) -> None:
    """Write AROUND_FOLDER into a version's folder: two signatures for each of the version's.

    Args:
        negative, judging: as `Signatures` takes them.

    Raises:
        CwpError: the disk refuses.
    """
    signatures, functions = Signatures(None, contract, negative, judging), {}
    for endpoint in ENDPOINTS:
        functions[f"{BEFORE}{endpoint.name}"] = _traced(_before(endpoint, signatures), endpoint.inputs(contract))
        functions[f"{AFTER}{endpoint.name}"] = _traced(_after(endpoint, signatures), _passed_on(signatures))
    folder = version / AROUND_FOLDER
    with written_by_tensorflow(folder), errors_of_tensorflow_only():
        tf.saved_model.save(tf.Module(), str(folder), signatures=functions)


def _before(endpoint: Endpoint, signatures: Signatures) -> Callable[..., Answer]:
    """Inputs of a signature → its images in all views, and what of each row is known without the network."""

    def before(*inputs: Any) -> Answer:
        crops, status = endpoint.crops(signatures)(*inputs)
        views = signatures.views(crops, status) if endpoint.of_files else crops[None]
        distance = signatures.distance(views[0])
        known = {} if distance is None else {_DISTANCE: distance}
        return {VIEWS: views, _STATUS: status} | known

    return before


def _after(endpoint: Endpoint, signatures: Signatures) -> Callable[..., Answer]:
    """Probabilities, and what the first half knows → outputs of a signature."""

    def after(probabilities: Any, status: Any, distance: Any = None) -> Answer:
        return endpoint.shown(signatures, signatures.decide(probabilities, status, distance))

    return after


def _passed_on(signatures: Signatures) -> list[tf.TensorSpec]:
    classes = len(signatures.contract.classes)
    known = [tf.TensorSpec([None], tf.float32, name=_DISTANCE)] if signatures.judging.likenesses else []
    return [
        tf.TensorSpec([None, classes], tf.float32, name=PROBABILITIES),
        tf.TensorSpec([None], tf.string, name=_STATUS),
        *known,
    ]


def _traced(function: Callable[..., Answer], inputs: list[tf.TensorSpec]) -> Any:
    return tf.function(function, autograph=False, input_signature=inputs).get_concrete_function()
