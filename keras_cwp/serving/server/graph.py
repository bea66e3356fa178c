"""A SavedModel in a session: its signatures as functions of arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_cwp.runtime import errors_of_tensorflow_only
from keras_cwp.serving.server.batching import Arrays
from keras_cwp.serving.server.status import Code, Refused, invalid

Function = Callable[[Arrays], Arrays]
_TAG = "serve"


class Graph:
    """A SavedModel in memory, as TensorFlow Serving has it.

    Not tf.saved_model.load: what that leaves behind in TensorFlow grew by megabytes with every version.

    Args:
        folder: of saved_model.pb.

    Attributes:
        functions: arrays by name → arrays by name, by signature. They raise Refused, with TensorFlow's errors under
            their codes.

    Raises:
        OSError, ValueError, KeyError, tf.errors.OpError: it cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        signatures = signature_defs(folder)
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        try:
            with self._session.graph.as_default(), errors_of_tensorflow_only():
                tf.compat.v1.saved_model.loader.load(self._session, [_TAG], str(folder))
            self.functions = {name: self._function(signature) for name, signature in signatures.items()}
        except BaseException:
            self._session.close()
            raise

    def close(self) -> None:
        """Unload it."""
        self.functions = {}
        self._session.close()
        del self._session

    def _function(self, signature: Any) -> Function:
        outputs = {name: info.name for name, info in signature.outputs.items()}
        names = list(signature.inputs)
        ask = self._session.make_callable(outputs, [signature.inputs[name].name for name in names])

        def function(inputs: Arrays) -> Arrays:
            try:
                found: Arrays = ask(*(inputs[name] for name in names))
                return found
            except UnicodeDecodeError:  # TensorFlow's message quotes the input, and Python cannot read it
                raise invalid("the model refuses the input: bytes that it cannot parse") from None
            except tf.errors.OpError as error:
                code = _CODES.get(type(error), Code.INTERNAL)
                raise Refused(code, _reason(error.message) or type(error).__name__) from None

        return function


def signature_defs(folder: Path) -> dict[str, Any]:
    """SignatureDefs by name, without TensorFlow's own.

    Raises:
        ValueError: no SavedModel, or one without the tag `serve`.
    """
    file = folder / "saved_model.pb"
    try:
        model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except Exception as error:  # DecodeError is no ValueError
        raise ValueError(f"{file.name}: {error}") from None
    graphs = [graph for graph in model.meta_graphs if _TAG in graph.meta_info_def.tags]
    if not graphs:
        raise ValueError(f"{file.name}: no graph has the tag {_TAG!r}")
    return {name: signature for name, signature in graphs[0].signature_def.items() if not name.startswith("__")}


def _reason(message: str) -> str:
    """What an operation said, out of the trace around it."""
    lines = [line for line in message.splitlines() if line.strip() and not line.lstrip().startswith("[[")]
    return lines[-1] if lines else ""


_CODES: dict[type[tf.errors.OpError], Code] = {
    tf.errors.InvalidArgumentError: Code.INVALID_ARGUMENT,
    tf.errors.OutOfRangeError: Code.INVALID_ARGUMENT,
    tf.errors.UnimplementedError: Code.UNIMPLEMENTED,
    tf.errors.ResourceExhaustedError: Code.RESOURCE_EXHAUSTED,
    tf.errors.FailedPreconditionError: Code.FAILED_PRECONDITION,
    tf.errors.NotFoundError: Code.NOT_FOUND,
    tf.errors.UnavailableError: Code.UNAVAILABLE,
}
