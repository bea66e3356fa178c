"""From the JSON of TensorFlow Serving's REST API to arrays, by the rules of its json_tensor.cc."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from keras_cwp.serving.server.batching import Arrays
from keras_cwp.serving.server.status import Code, Refused, invalid
from keras_cwp.serving.server.tensors import type_name

_MAX_RANK = 16
_SHOWN = 60  # characters of a value in a message
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
_WHITESPACE = {ord(character): None for character in " \t\r\n"}


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
        raise invalid(f"JSON Value: {_shown(found)} Is not object")
    return found


def signature_name(given: Mapping[str, Any]) -> str:
    """The signature that a request names, "" for the default.

    Raises:
        Refused: it is no text.
    """
    name = given.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {_shown(given)} not formatted correctly. 'signature_name' key must be a string value."
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
            f"JSON Value: {_shown(given)} Not formatted correctly expecting only one of 'inputs' or 'instances' keys "
            "to exist"
        )
    if "instances" in given and not isinstance(given["instances"], list):
        raise invalid(f"JSON Value: {_shown(given)} Excepting 'instances' to be an list/array")
    if given.get("instances") == []:
        raise invalid(f"JSON Value: {_shown(given)} No values in 'instances' array")
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


def examples(given: Mapping[str, Any]) -> np.ndarray:
    """Serialized tf.Examples [B] of a classify or regress request.

    Raises:
        Refused: no list of objects, or a feature of mixed or unknown type.
    """
    rows = given.get("examples")
    if rows is None:
        raise invalid(
            f"JSON Value: {_shown(given)} When method is classify, key 'examples' is expected and was not found"
        )
    if not isinstance(rows, list):
        raise invalid(f"JSON Value: {_shown(given)} Expecting 'examples' value to be an list/array")
    if not rows:
        raise invalid(f"JSON Value: {_shown(given)} 'examples' value is an empty array")
    shared = given.get("context", {})
    for example in (shared, *rows):
        if not isinstance(example, dict):
            raise invalid(f"Example must be JSON object but got JSON {_kind(example)}")
    contents = np.empty(len(rows), dtype=object)
    contents[:] = [_example({**shared, **row}) for row in rows]
    return contents


def _of_rows(rows: list[Any], infos: Mapping[str, Any]) -> Arrays:
    if not _is_object(rows[0]):
        if len(infos) > 1:
            raise invalid(
                "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
                "tensorinfo_map"
            )
        return {name: _stacked(rows, info, "") for name, info in infos.items()}
    for number, row in enumerate(rows):
        if not _is_object(row):
            raise invalid(f"Expecting object but got list at item {number} of input list")
        for name in row.keys() - infos.keys():
            raise invalid(
                f"Failed to process element: {number} key: {name[:_SHOWN]} of 'instances' list. Error: "
                f"INVALID_ARGUMENT: JSON object: does not have named input: {name[:_SHOWN]}"
            )
        if row.keys() != infos.keys():
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: {_shown(row)} keys must be "
                f"equal to: {','.join(sorted(infos))}"
            )
    return {name: _stacked([row[name] for row in rows], info, f"key: {name} ") for name, info in infos.items()}


def _stacked(values: list[Any], info: Any, key: str) -> np.ndarray:
    """One array of a value a row; whatever is wrong is said of the row."""
    shape: tuple[int, ...] = ()
    flat: list[Any] = []
    for number, value in enumerate(values):
        if _is_object(value) and not key:
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
    if not _is_object(value):
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
                f"JSON Value: {_shown(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at "
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
        return _text(value)
    if dtype not in _KINDS:
        raise Refused(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {_shown(value)} to type: {type_name(dtype)}")
    if type(value) not in _KINDS[dtype]:
        raise _wrong_type(value, dtype)
    return value


def _text(value: Any) -> bytes:
    if isinstance(value, dict):
        return _unescaped(value)
    if not isinstance(value, str):
        raise _wrong_type(value, _STRING)
    return _encoded(value)


def _unescaped(value: dict[str, Any]) -> bytes:
    """The bytes of {"b64": text}; the standard alphabet, padded or not."""
    if not _is_base64(value):
        raise invalid(f"JSON Value: {_shown(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError):
        text = value["b64"].translate(_WHITESPACE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def _array(flat: list[Any], shape: tuple[int, ...], dtype: int) -> np.ndarray:
    if dtype == _STRING:
        texts = np.empty(len(flat), dtype=object)
        texts[:] = flat
        return texts.reshape(shape)
    kind = tf.as_dtype(dtype).as_numpy_dtype if dtype in _KINDS else None
    if kind is None:  # an empty list of a type that JSON does not have
        raise Refused(Code.UNIMPLEMENTED, f"Conversion of JSON Value: [] to type: {type_name(dtype)}")
    try:
        with np.errstate(over="ignore"):
            value = np.array(flat, dtype=kind).reshape(shape)
    except OverflowError:
        raise invalid(f"a number is outside the range of {type_name(dtype)}") from None
    if dtype in _FLOATS:
        _check_lossless(flat, value.ravel(), dtype)
    return value


def _check_lossless(flat: list[Any], value: np.ndarray, dtype: int) -> None:
    for place in np.flatnonzero(np.isinf(value)).tolist():
        if not np.isinf(flat[place]):
            raise invalid(
                f"Cannot convert JSON value: {_shown(flat[place])} to {type_name(dtype)} without loss of precision."
            )


def _example(row: dict[str, Any]) -> bytes:
    example = tf.train.Example()
    for name, content in row.items():
        feature = example.features.feature[_encoded(name).decode()]
        values = content if isinstance(content, list) else [content]
        kinds = {_feature_kind(name, value) for value in values}
        if len(kinds) > 1:
            raise invalid(f"Unexpected element type in feature: {name[:_SHOWN]} expecting type: {sorted(kinds)[0]}")
        for kind in kinds:
            _fill_feature(feature, kind, values, name)
    return example.SerializeToString()


def _fill_feature(feature: Any, kind: str, values: list[Any], name: str) -> None:
    try:
        if kind == "bytes":
            feature.bytes_list.value.extend([_text(value) for value in values])
        elif kind == "float":
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend([int(value) for value in values])
    except (ValueError, OverflowError):
        raise invalid(f"Feature: {name[:_SHOWN]} has a number outside the range of {kind}") from None


def _feature_kind(name: str, value: Any) -> str:
    if isinstance(value, str) or _is_base64(value):
        return "bytes"
    if isinstance(value, (bool, int)):
        return "int64"
    if isinstance(value, float):
        return "float"
    raise invalid(f"Feature: {name[:_SHOWN]} has element with unexpected JSON type: {_kind(value)}")


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from None


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _wrong_type(value: Any, dtype: int) -> Refused:
    return invalid(f"JSON Value: {_shown(value)} Type: {_kind(value)} is not of expected type: {type_name(dtype)}")


def _kind(value: Any) -> str:
    names = {dict: "Object", list: "Array", str: "String", bool: str(value), type(None): "Null"}
    return names.get(type(value), "Number")


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"{_kind(value)} with {len(value)} elements" if value else "{}" if isinstance(value, dict) else "[]"
    return json.dumps(value[:_SHOWN] if isinstance(value, str) else value)[: _SHOWN + 2]


def _written(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"
