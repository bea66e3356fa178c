"""From the JSON of TensorFlow Serving's REST API to arrays, by the rules of its json_tensor.cc."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from keras_cwp.serving.server.batching import Arrays
from keras_cwp.serving.server.json_values import SHOWN, is_object, shown, text, wrong_type
from keras_cwp.serving.server.status import Code, Refused, invalid
from keras_cwp.serving.server.tensors import type_name

_MAX_RANK = 16
_STRING = types_pb2.DT_STRING
_FLOATS = (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE)
_INTEGERS = (
    *(types_pb2.DT_INT8, types_pb2.DT_INT16, types_pb2.DT_INT32, types_pb2.DT_INT64),
    *(types_pb2.DT_UINT8, types_pb2.DT_UINT32, types_pb2.DT_UINT64),
)
_KINDS: dict[int, frozenset[type]] = {
    **dict.fromkeys(_FLOATS, frozenset({int, float})),
    **dict.fromkeys(_INTEGERS, frozenset({int})),
    types_pb2.DT_BOOL: frozenset({bool}),
}


def document(body: bytes) -> dict[str, Any]:
    """The JSON object that a body starts with; what follows it is ignored, as TensorFlow Serving does.

    Raises:
        Refused: empty, not UTF-8, no JSON, or no object.
    """
    if not body.strip():
        raise invalid("JSON Parse error: The document is empty")
    try:
        found, _ = json.JSONDecoder().raw_decode(body.decode("utf-8").lstrip())
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from None
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    except (RecursionError, ValueError) as error:
        raise invalid(f"JSON Parse error: {type(error).__name__}: nested too deeply, or a number too long") from None
    if not isinstance(found, dict):
        raise invalid(f"JSON Value: {shown(found)} Is not object")
    return found


def signature_name(given: Mapping[str, Any]) -> str:
    """The signature that a request names, "" for the default.

    Raises:
        Refused: it is no text.
    """
    name = given.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {shown(given)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def is_row_format(given: Mapping[str, Any]) -> bool:
    """Whether a predict request has its rows under `instances`, not its columns under `inputs`.

    Raises:
        Refused: both or neither, or no rows.
    """
    both = ("instances" in given) + ("inputs" in given)
    if both == 0:
        raise invalid("Missing 'inputs' or 'instances' key")
    if both == 2:
        raise invalid(
            f"JSON Value: {shown(given)} Not formatted correctly expecting only one of 'inputs' or 'instances' keys "
            "to exist"
        )
    if "instances" in given and not isinstance(given["instances"], list):
        raise invalid(f"JSON Value: {shown(given)} Excepting 'instances' to be an list/array")
    if given.get("instances") == []:
        raise invalid(f"JSON Value: {shown(given)} No values in 'instances' array")
    return "instances" in given


def predict_inputs(given: Mapping[str, Any], infos: Mapping[str, Any]) -> Arrays:
    """Arrays by name of a predict request.

    Args:
        infos: TensorInfo of the signature's inputs by name.

    Raises:
        Refused: whatever does not fit.
    """
    if is_row_format(given):
        return _of_rows(given["instances"], infos)
    return _of_columns(given["inputs"], infos)


def _of_rows(rows: list[Any], infos: Mapping[str, Any]) -> Arrays:
    if not is_object(rows[0]):
        if len(infos) > 1:
            raise invalid(
                "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
                "tensorinfo_map"
            )
        return {name: _stacked(rows, info, "") for name, info in infos.items()}
    for number, row in enumerate(rows):
        if not is_object(row):
            raise invalid(f"Expecting object but got list at item {number} of input list")
        for name in row.keys() - infos.keys():
            raise invalid(
                f"Failed to process element: {number} key: {name[:SHOWN]} of 'instances' list. Error: "
                f"INVALID_ARGUMENT: JSON object: does not have named input: {name[:SHOWN]}"
            )
        if row.keys() != infos.keys():
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: {shown(row)} keys must be "
                f"equal to: {','.join(sorted(infos))}"
            )
    return {name: _stacked([row[name] for row in rows], info, f"key: {name} ") for name, info in infos.items()}


def _stacked(values: list[Any], info: Any, key: str) -> np.ndarray:
    """One array of a value a row; whatever is wrong is said of the row."""
    shape: tuple[int, ...] = ()
    flat: list[Any] = []
    for number, value in enumerate(values):
        if is_object(value) and not key:
            raise invalid(f"Expecting value/list but got object at item {number} of input list")
        try:
            its_shape = _shape(value)
            shape = its_shape if number == 0 else shape
            if its_shape != shape:
                raise invalid(f"Expecting shape {_written(shape)} but got: {_written(its_shape)}")
            _fill(value, shape, 0, info.dtype, flat)
        except Refused as error:
            raise invalid(
                f"Failed to process element: {number} {key}of 'instances' list. Error: {error.code.name}: "
                f"{error.message}"
            ) from None
    return _array(flat, (len(values), *shape), info.dtype)


def _of_columns(value: Any, infos: Mapping[str, Any]) -> Arrays:
    if not is_object(value):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        value = dict.fromkeys(infos, value)
    for name in infos:
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    found = {}
    for name, info in infos.items():
        flat: list[Any] = []
        shape = _shape(value[name])
        _fill(value[name], shape, 0, info.dtype, flat)
        found[name] = _array(flat, shape, info.dtype)
    return found


def _shape(value: Any) -> tuple[int, ...]:
    """Lengths of the first list at each depth."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    if len(shape) > _MAX_RANK:
        raise invalid(f"Encountered lists nested {len(shape)} deep, more than {_MAX_RANK}")
    return tuple(shape)


def _fill(value: Any, shape: tuple[int, ...], level: int, dtype: int, flat: list[Any]) -> None:
    """Append the values of nested lists, which have to be full."""
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at "
                f"level: {len(shape)}"
            )
        flat.append(_value(value, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    if level == len(shape) - 1 and dtype in _KINDS and set(map(type, value)) <= _KINDS[dtype]:
        flat.extend(value)  # the usual case, at C's speed
        return
    for each in value:
        _fill(each, shape, level + 1, dtype, flat)


def _value(value: Any, dtype: int) -> Any:
    if dtype == _STRING:
        return text(value)
    if dtype not in _KINDS:
        raise Refused(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {shown(value)} to type: {type_name(dtype)}")
    if type(value) not in _KINDS[dtype]:
        raise wrong_type(value, dtype)
    return value


def _array(flat: list[Any], shape: tuple[int, ...], dtype: int) -> np.ndarray:
    if dtype == _STRING:
        texts = np.empty(len(flat), dtype=object)
        texts[:] = flat
        return texts.reshape(shape)
    numpy_type = tf.as_dtype(dtype).as_numpy_dtype if dtype in _KINDS else None
    if numpy_type is None:  # an empty list of a type that JSON does not have
        raise Refused(Code.UNIMPLEMENTED, f"Conversion of JSON Value: [] to type: {type_name(dtype)}")
    try:
        with np.errstate(over="ignore"):
            value = np.array(flat, dtype=numpy_type).reshape(shape)
    except OverflowError:
        raise invalid(f"a number is outside the range of {type_name(dtype)}") from None
    if dtype in _FLOATS:
        _check_lossless(flat, value.ravel(), dtype)
    return value


def _check_lossless(flat: list[Any], value: np.ndarray, dtype: int) -> None:
    for place in np.flatnonzero(np.isinf(value)).tolist():
        if not np.isinf(flat[place]):
            raise invalid(
                f"Cannot convert JSON value: {shown(flat[place])} to {type_name(dtype)} without loss of precision."
            )


def _written(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"
