"""Protocol buffers from a table of field numbers: no generated code, and no TensorFlow.

The protos of tensorflow-serving-api import TensorFlow, which takes seconds and hundreds of megabytes. The few
messages that a client needs are named here instead; a test compares each field with theirs. They live in a pool
of their own, so they never meet TensorFlow's in a process that has both.

Why not files that protoc generates: such a file runs only with the protobuf releases around the protoc that made it,
and protobuf here is whichever one TensorFlow brings. The generated files of these messages would be longer than this
table, beside a .proto file as long as it.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "keras_cwp.wire"
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
    "int32": _FIELD.TYPE_INT32,
    "int64": _FIELD.TYPE_INT64,
    "bool": _FIELD.TYPE_BOOL,
    "float": _FIELD.TYPE_FLOAT,
}

# message: {field: (number, type)}. An enum is an int32, which it is on the wire.
MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Int64Value": {"value": (1, "int64")},
    "BoolValue": {"value": (1, "bool")},
    "StringValue": {"value": (1, "string")},
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    # tensorflow
    "Dim": {"size": (1, "int64"), "name": (2, "string")},
    "TensorShapeProto": {"dim": (2, "repeated Dim"), "unknown_rank": (3, "bool")},
    "TensorProto": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "TensorShapeProto"),
        "tensor_content": (4, "bytes"),
        "float_val": (5, "repeated float"),
        "string_val": (8, "repeated bytes"),
        "bool_val": (11, "repeated bool"),
    },
    "TensorInfo": {"name": (1, "string"), "dtype": (2, "int32"), "tensor_shape": (3, "TensorShapeProto")},
    "SignatureDef": {
        "inputs": (1, "map TensorInfo"),
        "outputs": (2, "map TensorInfo"),
        "method_name": (3, "string"),
    },
    # tensorflow.serving
    "SignatureDefMap": {"signature_def": (1, "map SignatureDef")},
    "ModelSpec": {
        "name": (1, "string"),
        "version": (2, "Int64Value"),
        "signature_name": (3, "string"),
        "version_label": (4, "string"),
    },
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "map TensorProto")},
    "PredictResponse": {"outputs": (1, "map TensorProto"), "model_spec": (2, "ModelSpec")},
    "GetModelMetadataRequest": {"model_spec": (1, "ModelSpec"), "metadata_field": (2, "repeated string")},
    "GetModelMetadataResponse": {"model_spec": (1, "ModelSpec"), "metadata": (2, "map Any")},
    # session_bundle_config.proto, which tensorflow-serving-api lacks
    "BatchingParameters": {
        "max_batch_size": (1, "Int64Value"),
        "batch_timeout_micros": (2, "Int64Value"),
        "max_enqueued_batches": (3, "Int64Value"),
        "num_batch_threads": (4, "Int64Value"),
        "thread_pool_name": (5, "StringValue"),
        "allowed_batch_sizes": (6, "repeated int64"),
        "pad_variable_length_inputs": (7, "bool"),
        "enable_large_batch_splitting": (8, "BoolValue"),
        "max_execution_batch_size": (9, "Int64Value"),
    },
}


def message(name: str) -> Any:
    """The class of a message of the table."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="keras_cwp/wire.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        described = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(described, field, number, kind)
    return file


def _add_field(described: Any, name: str, number: int, kind: str) -> None:
    count, _, element = kind.rpartition(" ")
    field = described.field.add(name=name, number=number, label=_FIELD.LABEL_REPEATED if count else 1)
    if count == "map":
        entry = described.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _add_field(entry, "key", 1, "string")
        _add_field(entry, "value", 2, element)
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.{described.name}.{entry.name}"
    elif element in _SCALARS:
        field.type = _SCALARS[element]
    else:
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.{element}"


_POOL = descriptor_pool.DescriptorPool()
_POOL.AddSerializedFile(_file().SerializeToString())
