"""A SavedModel of arithmetic that saves and loads in a second, with the signatures of a bundle and some odd ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cwp.serving.export import name_methods
from keras_cwp.serving.warmup import WARMUP_FILE

CLASSES = ("normal", "opacity")
BAD = b"bad"  # the image that is no image
PER_BYTE = 0.001
PER_VERSION = 0.1
BATCHING = """
max_batch_size { value: 8 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 64 }
num_batch_threads { value: 2 }
allowed_batch_sizes: 1 allowed_batch_sizes: 2 allowed_batch_sizes: 4 allowed_batch_sizes: 8
"""


def write_stub(folder: Path, version: int, warmup: bytes | None = None) -> Path:
    """Write folder/version beside and rename it, as export does.

    Args:
        warmup: one warm-up record.
    """
    beside = folder / f".{version}.new"
    module = tf.Module()
    module.offset = tf.Variable(version * PER_VERSION)
    tf.saved_model.save(module, str(beside), signatures=_signatures(module))
    name_methods(beside / "saved_model.pb")
    if warmup is not None:
        (beside / WARMUP_FILE).parent.mkdir()
        with tf.io.TFRecordWriter(str(beside / WARMUP_FILE)) as writer:
            writer.write(warmup)
    (folder / "batching_parameters.txt").write_text(BATCHING)
    return beside.rename(folder / str(version))


def opacity(image: bytes, version: int) -> float:
    """The probability that the stub gives."""
    return float(np.float32(len(image) * PER_BYTE) + np.float32(version * PER_VERSION))


def _signatures(module: Any) -> dict[str, Any]:
    texts, floats = tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.float32)

    def answer(images: Any, shift: Any) -> dict[str, Any]:
        good = images != BAD
        second = tf.cast(tf.strings.length(images), tf.float32) * PER_BYTE + module.offset + shift
        both = tf.where(good[:, None], tf.stack([1 - second, second], axis=1), float("nan"))
        return {
            "probabilities": both,
            "label": tf.where(good, tf.where(second > 0.5, CLASSES[1], CLASSES[0]), ""),
            "classes": tf.tile(tf.constant([CLASSES]), [tf.shape(images)[0], 1]),
            "status": tf.where(good, "ok", "no image"),
        }

    def parsed(inputs: Any) -> dict[str, Any]:
        features = {"image_bytes": tf.io.FixedLenFeature([], tf.string, "")}
        return answer(tf.io.parse_example(inputs, features)["image_bytes"], 0.0)

    def spin(loops: Any) -> dict[str, Any]:
        matrix = tf.fill([200, 200], 0.004)
        done = tf.while_loop(lambda i, _: i < tf.reduce_max(loops), lambda i, m: (i + 1, m @ matrix), [0, matrix])
        return {"done": tf.cast(loops, tf.float32) + 0 * done[1][0, 0]}

    def default(image_bytes: Any) -> dict[str, Any]:
        return answer(image_bytes, 0.0)

    def roi(image_bytes: Any, box: Any) -> dict[str, Any]:
        return answer(image_bytes, box[:, 0] * 0.001)

    def classify(inputs: Any) -> dict[str, Any]:
        found = parsed(inputs)
        return {"classes": found["classes"], "scores": found["probabilities"]}

    named = {
        "serving_default": (default, {"image_bytes": texts}),
        "roi_bytes": (roi, {"image_bytes": texts, "box": tf.TensorSpec([None, 4], tf.float32)}),
        "classify": (classify, {"inputs": texts}),
        "regress": (lambda inputs: {"outputs": parsed(inputs)["probabilities"][:, 1]}, {"inputs": texts}),
        "one": (lambda x: {"y": x + module.offset}, {"x": floats}),
        "pixels": (lambda pixels: {"mean": tf.reduce_mean(pixels, [1, 2])}, {"pixels": _spec([None, 2, 2])}),
        "flag": (lambda flag: {"not": ~flag}, {"flag": _spec([None], tf.bool)}),
        "whole": (lambda n: {"twice": n * 2}, {"n": _spec([None], tf.int32)}),
        "echo": (lambda x: {"y_bytes": x, "y": x}, {"x": texts}),
        "scalar": (lambda x: {"sum": tf.reduce_sum(x)}, {"x": floats}),
        "uneven": (lambda x: {"a": x, "b": x[:1]}, {"x": floats}),
        "no_rows": (_fails_without_rows, {"x": floats}),
        "half_in": (lambda x: {"y": tf.cast(x, tf.float32)}, {"x": _spec([None], tf.half)}),
        "half_out": (lambda x: {"y": tf.cast(x, tf.half)}, {"x": floats}),
        "spin": (spin, {"loops": _spec([None], tf.int32)}),
    }
    return {
        name: tf.function(function, autograph=False).get_concrete_function(
            **{key: tf.TensorSpec(spec.shape, spec.dtype, name=key) for key, spec in inputs.items()}
        )
        for name, (function, inputs) in named.items()
    }


def _fails_without_rows(x: Any) -> dict[str, Any]:
    """As a convolution does."""
    with tf.control_dependencies([tf.debugging.assert_positive(tf.size(x), "no rows")]):
        return {"y": tf.identity(x)}


def _spec(shape: list[int | None], dtype: Any = tf.float32) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype)
