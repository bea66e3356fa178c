"""From arrays and protos to the JSON of TensorFlow Serving's REST API."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
from google.protobuf import json_format

from keras_cwp.serving.server.batching import Arrays
from keras_cwp.serving.server.status import invalid

_BYTES_SUFFIX = "_bytes"  # an output so named is written as base64


def rows(outputs: Arrays) -> dict[str, Any]:
    """`predictions`: one value a row, or one object a row where there are several outputs.

    Raises:
        Refused: outputs with unequal numbers of rows or of a type that JSON does not have.
    """
    sizes = {}
    for name, value in outputs.items():
        if not value.ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        sizes[name] = len(value)
        first = next(iter(sizes.values()))
        if sizes[name] != first:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {sizes[name]} expecting: {first}")
    columns = {name: _plain(name, value) for name, value in sorted(outputs.items())}
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}


def columns(outputs: Arrays) -> dict[str, Any]:
    """`outputs`: the one output's value, or an object of all.

    Raises:
        Refused: an output of a type that JSON does not have.
    """
    found = {name: _plain(name, value) for name, value in sorted(outputs.items())}
    return {"outputs": next(iter(found.values())) if len(found) == 1 else found}


def classifications(classes: np.ndarray | None, scores: np.ndarray | None, count: int) -> dict[str, Any]:
    """`results`: pairs of class and score a row."""
    labels = _plain("classes", classes) if classes is not None else [[""] * len(row) for row in _known(scores)]
    values = _plain("scores", scores) if scores is not None else [[0.0] * len(row) for row in labels]
    pairs = [list(map(list, zip(labels[row], values[row], strict=True))) for row in range(count)]
    return {"results": pairs}


def regressions(values: np.ndarray) -> dict[str, Any]:
    """`results`: one number a row."""
    return {"results": _plain("outputs", values)}


def without_nan(value: Any) -> Any:
    """The same with null for NaN and infinite numbers, which JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def proto(message: Any) -> dict[str, Any]:
    """A proto as TensorFlow Serving prints it: its own field names, defaults included, int64 as text."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def error(message: str) -> bytes:
    """The body of every refusal."""
    return to_json({"error": message})


def to_json(value: Any, indent: int | None = None) -> bytes:
    """UTF-8; NaN and Infinity are written as TensorFlow Serving writes them, though JSON has neither."""
    return json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "replace")


def _plain(name: str, value: np.ndarray) -> Any:
    if value.dtype == object:
        as_base64 = name.endswith(_BYTES_SUFFIX)
        flat = [
            {"b64": base64.b64encode(each).decode()} if as_base64 else each.decode("utf-8", "replace")
            for each in value.ravel().tolist()
        ]
        return _nested(flat, value.shape)
    if value.dtype == np.float32:  # as short as float32 allows: 0.2, not 0.20000000298023224
        return _nested([float(str(each)) for each in value.ravel()], value.shape)
    if value.dtype.kind not in "fiub" or value.dtype == np.float16:
        raise invalid(f"Failed to write JSON value for tensor type: {value.dtype.name}")
    return value.tolist()


def _nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0]
    array = np.empty(len(flat), dtype=object)
    array[:] = flat
    return array.reshape(shape).tolist()


def _known(scores: np.ndarray | None) -> np.ndarray:
    assert scores is not None  # the signature has one of the two
    return scores
