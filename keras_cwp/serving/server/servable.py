"""One loaded version: its signatures, its batching, its warm-up."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from keras_cwp.errors import ServingError
from keras_cwp.runtime import errors_of_tensorflow_only, give_back_freed_memory
from keras_cwp.serving.server.batching import Arrays, Batcher, result_within
from keras_cwp.serving.server.parameters import BatchingParameters
from keras_cwp.serving.server.spliced import Network, with_network
from keras_cwp.serving.server.status import Code, Refused, invalid
from keras_cwp.serving.server.tensors import check_inputs, from_protos
from keras_cwp.serving.warmup import WARMUP_FILE

_TAG = "serve"
_MAX_WARMUP_RECORDS = 1000
_WARMUP_S = 600.0


class Servable:
    """A SavedModel in memory.

    Args:
        path: the version's folder.
        parameters: how its requests are batched.
        network: computes the network in TensorFlow's place; see `spliced.with_network`.
        engine: name and version of what computes the network.

    Attributes:
        why_not_onnx: why TensorFlow computes the network though ONNX Runtime was wanted; "" where that is not so.

    Raises:
        ServingError: it cannot be loaded.
    """

    def __init__(
        self,
        path: Path,
        parameters: BatchingParameters,
        network: Network | None = None,
        engine: str = f"TensorFlow {tf.__version__}",
    ) -> None:
        self.path, self.engine, self.why_not_onnx = path, engine, ""
        self._warmed_up: int | None = None  # records
        try:
            self.signatures = signature_defs(path)
            self._session = _load(path, network)
            self._functions = {name: self._callable(signature) for name, signature in self.signatures.items()}
        except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
            raise ServingError(f"{path}: cannot be loaded: {' '.join(str(error).split())[:300]}") from None
        self._batched = {name: _is_batched(signature) for name, signature in self.signatures.items()}
        self._batcher = Batcher(parameters, f"batch-{path.name}")

    def submit(self, signature: str, inputs: Arrays, seconds: float) -> Future[Arrays]:
        """Start to answer a request whose inputs were checked (`tensors.check_inputs`).

        Args:
            seconds: after which it need not be run any more.

        Raises:
            Refused: see `Batcher.submit`.
        """
        deadline = time.monotonic() + seconds
        function = self._functions[signature]
        if self._batched[signature]:
            return self._batcher.submit(signature, lambda feed: _run(function, feed), inputs, deadline)
        future: Future[Arrays] = Future()
        try:
            future.set_result(_run(function, inputs))
        except Exception as error:
            future.set_exception(error)
        return future

    def ask(self, signature: str, inputs: Arrays) -> Arrays:
        """Answer a request that is none of a client's.

        Raises:
            Refused: as `submit`, or the model refuses it.
        """
        return result_within(self.submit(signature, inputs, _WARMUP_S), _WARMUP_S)

    def warm_up(self) -> int:
        """Replay the records of the version's warm-up file, if it has one and that was not done yet.

        Returns:
            Their number.

        Raises:
            ServingError: as `warm_up_answers`.
        """
        if self._warmed_up is None:
            self.warm_up_answers()
        return self._warmed_up or 0

    def warm_up_answers(self) -> list[Arrays]:
        """Replay the records of the version's warm-up file; outputs by name of each.

        Raises:
            ServingError: a record that cannot be read or answered; TensorFlow Serving would not serve it either.
        """
        path, number, answers = self.path / WARMUP_FILE, 0, list[Arrays]()
        try:
            records = tf.data.TFRecordDataset(str(path)) if path.is_file() else ()
            for number, record in enumerate(records, start=1):
                if number > _MAX_WARMUP_RECORDS:
                    raise ServingError(f"{path}: more than {_MAX_WARMUP_RECORDS} records")
                answers.append(self._replay(prediction_log_pb2.PredictionLog.FromString(record.numpy())))
        except ServingError:
            raise
        except Exception as error:  # whatever is wrong in a file, the version is not served
            reason = " ".join(str(error).split())[:300]
            raise ServingError(f"{path}: warm-up record {number} cannot be replayed: {reason}") from None
        self._warmed_up = number
        return answers

    def close(self) -> None:
        """Answer what waits, then unload the model."""
        self._batcher.close()
        self._functions = {}
        self._session.close()
        del self._session
        gc.collect()  # TensorFlow's objects refer to each other in circles, which Python looks for too seldom
        give_back_freed_memory()

    def _callable(self, signature: Any) -> Callable[[Arrays], Arrays]:
        outputs = {name: info.name for name, info in signature.outputs.items()}
        names = list(signature.inputs)
        ask = self._session.make_callable(outputs, [signature.inputs[name].name for name in names])
        return lambda inputs: ask(*(inputs[name] for name in names))

    def _replay(self, log: Any) -> Arrays:
        kind = log.WhichOneof("log_type")
        if kind not in ("predict_log", "classify_log", "regress_log"):
            raise ServingError(f"a record of the kind {kind}")
        request = getattr(log, kind).request
        name = request.model_spec.signature_name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        if kind == "predict_log":
            inputs = from_protos(request.inputs, self.signatures[name].inputs)
        else:
            inputs = {"inputs": examples_of(request.input)}
        check_inputs(inputs, self.signatures[name].inputs)
        return self.ask(name, inputs)


def signature_defs(path: Path) -> dict[str, Any]:
    """SignatureDefs by name, without TensorFlow's own.

    Raises:
        ValueError: no SavedModel, or one without the tag `serve`.
    """
    file = path / "saved_model.pb"
    try:
        model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except Exception as error:  # DecodeError is no ValueError
        raise ValueError(f"{file.name}: {error}") from None
    graphs = [graph for graph in model.meta_graphs if _TAG in graph.meta_info_def.tags]
    if not graphs:
        raise ValueError(f"{file.name}: no graph has the tag {_TAG!r}")
    return {name: signature for name, signature in graphs[0].signature_def.items() if not name.startswith("__")}


def examples_of(given: Any) -> np.ndarray:
    """Serialized tf.Examples [B] of an Input proto; a common context is merged into each.

    Raises:
        Refused: no example in it.
    """
    kind = given.WhichOneof("kind")
    examples = list(getattr(given, kind).examples) if kind else []
    if not examples:
        raise invalid("Input is empty.")
    contents = []
    for example in examples:
        if kind == "example_list_with_context":
            whole = type(example)()
            whole.CopyFrom(given.example_list_with_context.context)
            whole.features.feature.MergeFrom(example.features.feature)
            example = whole
        contents.append(example.SerializeToString())
    rows = np.empty(len(contents), dtype=object)
    rows[:] = contents
    return rows


def _load(path: Path, network: Network | None) -> Any:
    """A session with the version in it, as TensorFlow Serving has it; `network` computes the network if there is one.

    Not tf.saved_model.load: what that leaves behind in TensorFlow grew by megabytes with every version.
    """
    session = tf.compat.v1.Session(graph=tf.Graph())
    with (
        session.graph.as_default(),
        errors_of_tensorflow_only(),
        nullcontext(path) if network is None else with_network(path, network) as folder,
    ):
        tf.compat.v1.saved_model.loader.load(session, [_TAG], str(folder))
    return session


def _run(function: Callable[[Arrays], Arrays], inputs: Arrays) -> Arrays:
    """Arrays in, arrays out.

    Raises:
        Refused: TensorFlow's errors under their codes.
    """
    try:
        return function(inputs)
    except UnicodeDecodeError:  # TensorFlow's message quotes the input, and Python cannot read it
        raise invalid("the model refuses the input: bytes that it cannot parse") from None
    except tf.errors.OpError as error:
        code = _CODES.get(type(error), Code.INTERNAL)
        raise Refused(code, _reason(error.message) or type(error).__name__) from None


def _reason(message: str) -> str:
    """What an operation said, out of the trace around it."""
    lines = [line for line in message.splitlines() if line.strip() and not line.lstrip().startswith("[[")]
    return lines[-1] if lines else ""


def _is_batched(signature: Any) -> bool:
    shapes = [info.tensor_shape for info in [*signature.inputs.values(), *signature.outputs.values()]]
    return all(not shape.unknown_rank and len(shape.dim) > 0 and shape.dim[0].size == -1 for shape in shapes)


_CODES: dict[type[tf.errors.OpError], Code] = {
    tf.errors.InvalidArgumentError: Code.INVALID_ARGUMENT,
    tf.errors.OutOfRangeError: Code.INVALID_ARGUMENT,
    tf.errors.UnimplementedError: Code.UNIMPLEMENTED,
    tf.errors.ResourceExhaustedError: Code.RESOURCE_EXHAUSTED,
    tf.errors.FailedPreconditionError: Code.FAILED_PRECONDITION,
    tf.errors.NotFoundError: Code.NOT_FOUND,
    tf.errors.UnavailableError: Code.UNAVAILABLE,
}
