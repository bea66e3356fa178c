"""The table of the bundle's signatures: each row has the function, the inputs, the warm-up and the check of one.

A new signature is a method of `Signatures` and a row here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cwp.prediction.formats import BOUND
from keras_cwp.serving.records import example_record, grey_pixels, predict_record, sample_png
from keras_cwp.serving.samples import Samples
from keras_cwp.serving.signatures import Answer, Crops, Signatures
from keras_cwp.training.run import ModelContract

# A crop made in the graph differs from the same crop made by SciPy in the last bit of its pixels (1e-7), and a
# network passes that on magnified: 7e-6 was seen.
BOUND_CROPPED = 5e-5


@dataclass(frozen=True)
class Endpoint:
    """One signature.

    Args:
        name: its key.
        answer: the function behind it.
        crops: the part of it before the network.
        inputs: of a contract, its tensors in the order that `answer` takes them.
        warm_up: of a contract and a number of rows, a record that TensorFlow Serving replays.
        asked: of samples, the inputs of the check by name. Where files are taken, one that is no image comes last.
        expected: of samples, what `output` has to hold for the images: float64 [images, …].
        output: the output that the check compares.
        bound: largest difference that the check allows.
        method: what strict servers ask for, the last part of method_name.
        of_files: its crops are cut out of files, and each is scored in all views.
        shown: of all that is known of a row, what it gives.
    """

    name: str
    answer: Callable[[Signatures], Callable[..., Answer]]
    crops: Callable[[Signatures], Callable[..., Crops]]
    inputs: Callable[[ModelContract], list[tf.TensorSpec]]
    warm_up: Callable[[ModelContract, int], Any]
    asked: Callable[[Samples], dict[str, np.ndarray]]
    expected: Callable[[Samples], np.ndarray]
    output: str = "probabilities"
    bound: float = BOUND_CROPPED
    method: str = "predict"
    of_files: bool = True
    shown: Callable[[Signatures, Answer], Answer] = lambda _, answer: answer


def _images() -> tf.TensorSpec:
    return tf.TensorSpec([None], tf.string, name="image_bytes")


def _roi_inputs(contract: ModelContract) -> list[tf.TensorSpec]:
    spacing = [tf.TensorSpec([None], tf.float32, name="spacing_mm")] if contract.spacing_mm else []
    return [_images(), tf.TensorSpec([None, 4], tf.float32, name="box"), *spacing]


def _roi_asked(samples: Samples) -> dict[str, np.ndarray]:
    asked = {"image_bytes": samples.file_texts, "box": samples.file_boxes}
    if samples.contract.spacing_mm:
        asked["spacing_mm"] = np.full(len(samples.files), samples.contract.spacing_mm / 2, np.float32)
    return asked


def _roi_warm_up(contract: ModelContract, rows: int) -> Any:
    side = 2.0  # within every sample
    spacing = {"spacing_mm": np.full(rows, contract.spacing_mm, np.float32)} if contract.spacing_mm else {}
    boxes = np.array([[0.0, 0.0, side, side]] * rows, np.float32)
    return predict_record("roi_bytes", {"image_bytes": [sample_png(contract)] * rows, "box": boxes, **spacing})


def _pixel_inputs(contract: ModelContract) -> list[tf.TensorSpec]:
    side = contract.image_size
    return [tf.TensorSpec([None, side, side, 1], tf.float32, name="pixels")]


def _example_inputs(_: ModelContract) -> list[tf.TensorSpec]:
    return [tf.TensorSpec([None], tf.string, name="inputs")]


# The first one is the default.
ENDPOINTS = (
    Endpoint(
        "serving_default",
        answer=lambda signatures: signatures.from_bytes,
        crops=lambda signatures: signatures.read_bytes,
        inputs=lambda _: [_images()],
        warm_up=lambda contract, rows: predict_record(
            "serving_default", {"image_bytes": [sample_png(contract)] * rows}
        ),
        asked=lambda samples: {"image_bytes": samples.file_texts},
        expected=lambda samples: samples.of_whole,
    ),
    Endpoint(
        "roi_bytes",
        answer=lambda signatures: signatures.from_roi,
        crops=lambda signatures: signatures.read_roi,
        inputs=_roi_inputs,
        warm_up=_roi_warm_up,
        asked=_roi_asked,
        expected=lambda samples: samples.of_boxes,
    ),
    Endpoint(
        "pixels",
        answer=lambda signatures: signatures.from_pixels,
        crops=lambda signatures: signatures.check_pixels,
        inputs=_pixel_inputs,
        warm_up=lambda contract, rows: predict_record("pixels", {"pixels": grey_pixels(contract, rows)}),
        asked=lambda samples: {"pixels": samples.crops},
        expected=lambda samples: samples.of_crops,
        bound=BOUND,
        of_files=False,
    ),
    Endpoint(
        "classify",
        answer=lambda signatures: signatures.classify,
        crops=lambda signatures: signatures.read_examples,
        inputs=_example_inputs,
        warm_up=lambda contract, rows: example_record("classify", sample_png(contract), rows),
        asked=lambda samples: {"inputs": samples.example_texts},
        expected=lambda samples: samples.of_whole,
        output="scores",
        method="classify",
        shown=Signatures.as_scores,
    ),
    Endpoint(
        "regress",
        answer=lambda signatures: signatures.regress,
        crops=lambda signatures: signatures.read_examples,
        inputs=_example_inputs,
        warm_up=lambda contract, rows: example_record("regress", sample_png(contract), rows),
        asked=lambda samples: {"inputs": samples.example_texts},
        expected=lambda samples: 1 - samples.of_whole[:, samples.negative],
        output="outputs",
        method="regress",
        shown=Signatures.as_one_number,
    ),
)
