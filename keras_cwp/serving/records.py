"""Requests as TensorFlow Serving's warm-up file holds them."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import prediction_log_pb2

from keras_cwp.serving.signatures import film_pixels
from keras_cwp.training.run import ModelContract

_MODEL = "warmup"  # the server does not read the name


def predict_record(signature: str, inputs: dict[str, Any]) -> Any:
    """PredictionLog of a predict request; values are protos, or what TensorFlow makes tensors of."""
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = _MODEL
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log


def example_record(method: str, image: bytes, rows: int) -> Any:
    """PredictionLog of a classify or regress request whose signature has the method's name."""
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, f"{method}_log").request
    request.model_spec.name = _MODEL
    request.model_spec.signature_name = method
    for _ in range(rows):
        example = request.input.example_list.examples.add()
        example.features.feature["image_bytes"].bytes_list.value.append(image)
    return log


def grey_pixels(contract: ModelContract, rows: int) -> Any:
    """A batch of one value: a TensorProto repeats its last value until the shape is full."""
    proto = tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum, float_val=[0.5])
    for length in (rows, contract.image_size, contract.image_size, 1):
        proto.tensor_shape.dim.add(size=length)
    return proto


def sample_png(contract: ModelContract) -> bytes:
    """A grey ramp of the network's side, or smaller where an image of that size would be a whole radiograph."""
    side = min(contract.image_size, math.isqrt(film_pixels(contract) - 1) or 1)
    ramp = np.linspace(0, 255, side, dtype=np.uint8)
    return bytes(cv2.imencode(".png", np.broadcast_to(ramp, (side, side)))[1])
