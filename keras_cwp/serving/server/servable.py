"""One loaded version: its signatures, its batching, its warm-up."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from keras_cwp.errors import ServingError
from keras_cwp.runtime import give_back_freed_memory
from keras_cwp.serving.server.around_network import AroundNetwork
from keras_cwp.serving.server.batching import Arrays, Batcher, result_within
from keras_cwp.serving.server.graph import Graph, signature_defs
from keras_cwp.serving.server.parameters import BatchingParameters
from keras_cwp.serving.server.status import invalid
from keras_cwp.serving.server.tensors import check_inputs, from_protos
from keras_cwp.serving.warmup import WARMUP_FILE

_MAX_WARMUP_RECORDS = 1000
_WARMUP_S = 600.0


class Servable:
    """A SavedModel in memory.

    Args:
        path: the version's folder.
        parameters: how its requests are batched.
        load: the version's folder → what answers its signatures.
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
        load: Callable[[Path], Graph | AroundNetwork] = Graph,
        engine: str = f"TensorFlow {tf.__version__}",
    ) -> None:
        self.path, self.engine, self.why_not_onnx = path, engine, ""
        self._warmed_up: int | None = None  # records
        try:
            self.signatures = signature_defs(path)
            self._graph = load(path)
        except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
            raise ServingError(f"{path}: cannot be loaded: {' '.join(str(error).split())[:300]}") from None
        if missing := self.signatures.keys() - self._graph.functions.keys():
            self._graph.close()
            raise ServingError(f"{path}: {', '.join(sorted(missing))} cannot be answered by {engine}")
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
        function = self._graph.functions[signature]
        if self._batched[signature]:
            return self._batcher.submit(signature, function, inputs, deadline)
        future: Future[Arrays] = Future()
        try:
            future.set_result(function(inputs))
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
        self._graph.close()
        gc.collect()  # TensorFlow's objects refer to each other in circles, which Python looks for too seldom
        give_back_freed_memory()

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


def _is_batched(signature: Any) -> bool:
    shapes = [info.tensor_shape for info in [*signature.inputs.values(), *signature.outputs.values()]]
    return all(not shape.unknown_rank and len(shape.dim) > 0 and shape.dim[0].size == -1 for shape in shapes)
