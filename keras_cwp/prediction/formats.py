"""Exported files that ONNX Runtime or LiteRT runs: how each is made, and how it is opened."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.errors import ModelError
from keras_cwp.prediction import litert_format, onnx_format
from keras_cwp.prediction.card import contract_of
from keras_cwp.training.run import ModelContract

CARD_FILE = "model_card.json"
# Largest difference of a probability that eight bits a weight may make. 0.002 to 0.014 was seen; more than this, and
# the network does not bear them.
BOUND_INT8 = 0.05
BOUND = 1e-5  # largest difference of a probability to the Keras model's

Ask = Callable[[Any], np.ndarray]


@dataclass(frozen=True)
class Kind:
    """A file of an export.

    Args:
        convert: network and contract → its bytes.
        run: its bytes → what answers images float32 [B, side, side, 1] with probabilities [B, classes].
        engine: names what runs it.
        bound: largest difference of a probability to the Keras model's.
    """

    convert: Callable[[Any, ModelContract], bytes]
    run: Callable[[bytes], Ask]
    engine: Callable[[], str]
    bound: float


_ONNX = Kind(onnx_format.to_onnx, onnx_format.run_onnx, onnx_format.engine_name, BOUND)
_FLOAT = Kind(litert_format.to_litert, litert_format.run_litert, litert_format.engine_name, BOUND)
_INT8 = Kind(litert_format.to_litert_int8, litert_format.run_litert, litert_format.engine_name, BOUND_INT8)
# Files by format; the first is what predict opens.
FORMATS: dict[str, dict[str, Kind]] = {
    "onnx": {"model.onnx": _ONNX},
    "litert": {"model.tflite": _FLOAT, "model_int8.tflite": _INT8},
}


def open_converted(version: Path) -> tuple[ModelContract, Ask, str] | None:
    """Contract, answers and engine of a version that `export_converted` wrote; None if it is none.

    Raises:
        ModelError: its files are damaged.
        ServingError: what runs it is not installed.
    """
    first = {next(iter(files)): next(iter(files.values())) for files in FORMATS.values()}
    for name, kind in first.items():
        if (version / name).is_file():
            try:
                contract = contract_of(json.loads((version / CARD_FILE).read_text(encoding="utf-8")))
                return contract, kind.run((version / name).read_bytes()), kind.engine()
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ModelError(f"MODEL {version}: its model card or {name} cannot be read: {error}") from None
    return None
