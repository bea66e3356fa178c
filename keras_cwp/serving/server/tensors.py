"""TensorProto to arrays and back, and whether a request fits its signature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from keras_cwp.serving.server.batching import Arrays
from keras_cwp.serving.server.status import Refused, invalid

MAX_ELEMENTS = 1 << 25  # of one tensor; a few bytes can claim any shape
_STRING = types_pb2.DT_STRING


def from_protos(protos: Mapping[str, Any], infos: Mapping[str, Any]) -> Arrays:
    """Arrays of TensorProtos by name; strings are objects.

    Args:
        infos: TensorInfo of the signature's inputs by name.

    Raises:
        Refused: other names than the signature's, another type or rank, or content that contradicts its shape.
    """
    check_names(set(protos), set(infos))
    return {name: _from_proto(name, proto, infos[name]) for name, proto in protos.items()}


def to_proto(value: np.ndarray) -> Any:
    """TensorProto of an array."""
    if value.dtype == object:
        proto = tf.make_tensor_proto(0)
        proto.Clear()
        proto.dtype = _STRING
        for side in value.shape:
            proto.tensor_shape.dim.add(size=side)
        proto.string_val.extend(value.ravel().tolist())
        return proto
    return tf.make_tensor_proto(value)


def check_names(sent: set[str], wanted: set[str]) -> None:
    """Raises: Refused: the inputs are not exactly those of the signature."""
    if sent != wanted:
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{','.join(sorted(sent))}}}) != "
            f"len({{{','.join(sorted(wanted))}}}). Sent extra: {{{','.join(sorted(sent - wanted))}}}. "
            f"Missing but required: {{{','.join(sorted(wanted - sent))}}}."
        )


def check_inputs(inputs: Arrays, infos: Mapping[str, Any]) -> None:
    """Raises: Refused: a shape that the signature does not allow, or inputs with unequal numbers of rows."""
    check_names(set(inputs), set(infos))
    for name, value in inputs.items():
        wanted = shape_of(infos[name])
        if wanted is not None and not _fits(value.shape, wanted):
            raise invalid(f"input {name} has shape {list(value.shape)}, the signature has {_written(wanted)}")
    rows = {name: value.shape[0] for name, value in inputs.items() if value.ndim}
    if len(set(rows.values())) > 1:
        raise invalid(f"Batching input tensors must have the same 0th dimension, found {rows}")


def shape_of(info: Any) -> list[int] | None:
    """Shape of a TensorInfo, -1 for a side that is free; None where the rank is free."""
    return None if info.tensor_shape.unknown_rank else [dim.size for dim in info.tensor_shape.dim]


def type_name(dtype: int) -> str:
    """As TensorFlow writes it in messages, such as float."""
    try:
        return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()
    except ValueError:
        return f"type {dtype}"


def _from_proto(name: str, proto: Any, info: Any) -> np.ndarray:
    if proto.dtype != info.dtype:
        raise invalid(f"input {name} is of type {type_name(proto.dtype)}, expected {type_name(info.dtype)}")
    shape, wanted = [dim.size for dim in proto.tensor_shape.dim], shape_of(info)
    if proto.tensor_shape.unknown_rank or any(side < 0 for side in shape):
        raise invalid(f"input {name} has no complete shape")
    if wanted is not None and not _fits(shape, wanted):
        raise invalid(f"input {name} has shape {shape}, the signature has {_written(wanted)}")
    if math.prod(shape) > MAX_ELEMENTS:  # before anything is laid out in memory
        raise invalid(f"input {name} has shape {shape}, more than {MAX_ELEMENTS} elements")
    return _strings(name, proto, shape) if proto.dtype == _STRING else _numbers(name, proto)


def _strings(name: str, proto: Any, shape: list[int]) -> np.ndarray:
    if len(proto.string_val) != math.prod(shape):
        raise invalid(f"input {name} has {len(proto.string_val)} strings, its shape {shape} asks for another number")
    value = np.empty(len(proto.string_val), dtype=object)
    value[:] = list(proto.string_val)
    return value.reshape(shape)


def _numbers(name: str, proto: Any) -> np.ndarray:
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError, IndexError, OverflowError, Refused) as error:
        raise invalid(f"input {name}: the content contradicts type or shape: {error}") from None


def _fits(shape: Any, wanted: list[int]) -> bool:
    return len(shape) == len(wanted) and all(side in (-1, given) for side, given in zip(wanted, shape, strict=True))


def _written(shape: list[int]) -> str:
    return "[" + ",".join("?" if side < 0 else str(side) for side in shape) + "]"
