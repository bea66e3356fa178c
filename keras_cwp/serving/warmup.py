"""Warm-up records: requests that TensorFlow Serving replays before it calls a version AVAILABLE."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import prediction_log_pb2

from keras_cwp.training.run import ModelContract

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
BATCH_SIZES = (1, 2, 4, 8, 16, 32)  # the allowed batch sizes of batching_parameters.txt


def write_warmup(version: Path, contract: ModelContract) -> int:
    """Write one record for each signature and allowed batch size into a version's folder.

    One failing record makes TensorFlow Serving refuse the model, so whoever publishes replays them first.

    Returns:
        Number of records; TensorFlow Serving reads no more than 1,000.
    """
    path = version / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    records = list(_records(contract))
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record.SerializeToString())
    return len(records)


def _records(contract: ModelContract) -> Iterator[Any]:
    image_size = contract.image_size
    image = _example_image(image_size)
    box = [0.0, 0.0, float(image_size), float(image_size)]
    for size in BATCH_SIZES:
        images = [image] * size
        yield _predict("serving_default", {"image_bytes": images})
        spacing = {"spacing_mm": np.full(size, contract.spacing_mm, np.float32)} if contract.spacing_mm else {}
        yield _predict("roi_bytes", {"image_bytes": images, "box": np.array([box] * size, np.float32), **spacing})
        yield _predict("pixels", {"pixels": _grey(size, image_size)})
        yield _example_log("classify", image, size)
        yield _example_log("regress", image, size)


def _predict(signature: str, inputs: dict[str, Any]) -> Any:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "warmup"  # the server does not read it
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log


def _example_log(signature: str, image: bytes, size: int) -> Any:
    log = prediction_log_pb2.PredictionLog()
    request = (log.classify_log if signature == "classify" else log.regress_log).request
    request.model_spec.name = "warmup"
    request.model_spec.signature_name = signature
    for _ in range(size):
        example = request.input.example_list.examples.add()
        example.features.feature["image_bytes"].bytes_list.value.append(image)
    return log


def _grey(size: int, image_size: int) -> Any:
    """A batch of one value: a TensorProto repeats its last value until the shape is full."""
    proto = tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum, float_val=[0.5])
    for length in (size, image_size, image_size, 1):
        proto.tensor_shape.dim.add(size=length)
    return proto


def _example_image(image_size: int) -> bytes:
    ramp = np.linspace(0, 255, image_size, dtype=np.uint8)
    return bytes(cv2.imencode(".png", np.broadcast_to(ramp, (image_size, image_size)))[1])
