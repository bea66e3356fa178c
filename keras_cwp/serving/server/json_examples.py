"""From the JSON of a classify or regress request to tf.Examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cwp.serving.server.json_values import SHOWN, encoded, is_base64, kind, shown, text
from keras_cwp.serving.server.status import invalid


def examples(given: Mapping[str, Any]) -> np.ndarray:
    """Serialized tf.Examples [B] of a classify or regress request.

    Raises:
        Refused: no list of objects, or a feature of mixed or unknown type.
    """
    rows = given.get("examples")
    if rows is None:
        raise invalid(
            f"JSON Value: {shown(given)} When method is classify, key 'examples' is expected and was not found"
        )
    if not isinstance(rows, list):
        raise invalid(f"JSON Value: {shown(given)} Expecting 'examples' value to be an list/array")
    if not rows:
        raise invalid(f"JSON Value: {shown(given)} 'examples' value is an empty array")
    shared = given.get("context", {})
    for example in (shared, *rows):
        if not isinstance(example, dict):
            raise invalid(f"Example must be JSON object but got JSON {kind(example)}")
    contents = np.empty(len(rows), dtype=object)
    contents[:] = [_example({**shared, **row}) for row in rows]
    return contents


def _example(row: dict[str, Any]) -> bytes:
    example = tf.train.Example()
    for name, content in row.items():
        feature = example.features.feature[encoded(name).decode()]
        values = content if isinstance(content, list) else [content]
        kinds = {_feature_kind(name, value) for value in values}
        if kinds == {"int64", "float"}:  # [10, 20.5, …] are numbers like [10.0, 20.5, …]
            kinds = {"float"}
        if len(kinds) > 1:
            raise invalid(f"Unexpected element type in feature: {name[:SHOWN]} expecting type: {sorted(kinds)[0]}")
        for found in kinds:
            _fill_feature(feature, found, values, name)
    return example.SerializeToString()


def _fill_feature(feature: Any, as_kind: str, values: list[Any], name: str) -> None:
    try:
        if as_kind == "bytes":
            feature.bytes_list.value.extend([text(value) for value in values])
        elif as_kind == "float":
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend([int(value) for value in values])
    except (ValueError, OverflowError):
        raise invalid(f"Feature: {name[:SHOWN]} has a number outside the range of {as_kind}") from None


def _feature_kind(name: str, value: Any) -> str:
    if isinstance(value, str) or is_base64(value):
        return "bytes"
    if isinstance(value, (bool, int)):
        return "int64"
    if isinstance(value, float):
        return "float"
    raise invalid(f"Feature: {name[:SHOWN]} has element with unexpected JSON type: {kind(value)}")
