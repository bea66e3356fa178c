"""What both APIs do with a request: find the version, check the request, run it, say what happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_cwp.serving.server.batching import Arrays, result_within
from keras_cwp.serving.server.log import event, fault
from keras_cwp.serving.server.metrics import Metrics
from keras_cwp.serving.server.slots import Slots
from keras_cwp.serving.server.status import Code, Refused, invalid
from keras_cwp.serving.server.tensors import check_inputs
from keras_cwp.serving.server.version import Version
from keras_cwp.serving.server.versions import Versions

DEFAULT_SIGNATURE = "serving_default"
_OTHER_MODEL = "unknown"  # in metrics and logs: a client could write anything in its place


@dataclass(frozen=True)
class Target:
    """The model, version and signature that a request names; None and "" where it leaves the choice."""

    model: str
    number: int | None = None
    label: str | None = None
    signature: str = ""

    @property
    def signature_key(self) -> str:
        """The signature's name."""
        return self.signature or DEFAULT_SIGNATURE


@dataclass(frozen=True)
class Answer:
    """Outputs by name, each [B, ...], and the version that gave them."""

    outputs: Arrays
    version: int


class Service:
    """Answers requests of either API.

    Args:
        versions: the loaded versions.
        metrics: counts and times.
        slots: places for requests to models, which either API takes.
    """

    def __init__(self, versions: Versions, metrics: Metrics, slots: Slots) -> None:
        self.versions, self.metrics, self.slots = versions, metrics, slots

    def predict(
        self,
        target: Target,
        read: Callable[[Mapping[str, Any]], Arrays],
        unknown_signature: Callable[[str], Refused],
        seconds: float,
    ) -> Answer:
        """Run a signature.

        Args:
            read: TensorInfo of the inputs by name → the request's arrays.
            unknown_signature: the refusal of a name, for the APIs differ in it.

        Raises:
            Refused: and nothing else, whatever the request is.
        """
        with self.versions.use(target.model, target.number, target.label) as version:
            signature = version.servable.signatures.get(target.signature_key)
            if signature is None:
                raise unknown_signature(target.signature_key)
            return self._run(version, target, read(signature.inputs), seconds)

    def classify(self, target: Target, read: Callable[[], np.ndarray], seconds: float) -> Answer:
        """Classes and scores of tf.Examples.

        Args:
            read: gives serialized tf.Examples [B].

        Raises:
            Refused: as `predict`, or a signature that cannot classify.
        """
        return self._of_examples(target, read, seconds, _check_classify)

    def regress(self, target: Target, read: Callable[[], np.ndarray], seconds: float) -> Answer:
        """Values of tf.Examples; see `classify`."""
        return self._of_examples(target, read, seconds, _check_regress)

    @contextmanager
    def observed(self, api: str, entrypoint: str, model: str) -> Iterator[None]:
        """Count, time and log a request; an error of our own becomes INTERNAL.

        Raises:
            Refused: and nothing else.
        """
        start, code = time.perf_counter(), Code.OK
        try:
            yield
        except Refused as refusal:
            code = refusal.code
            raise
        except Exception as error:
            code = Code.INTERNAL
            fault(error)
            raise Refused(Code.INTERNAL, "internal error; the server's log has its place") from None
        finally:
            seconds = time.perf_counter() - start
            name = model if model in self.versions.models() else _OTHER_MODEL
            self.metrics.request(name, api, entrypoint, code.name, seconds)
            event("request", api=api, over=entrypoint, model=name, status=code.name, ms=round(seconds * 1000, 2))

    def _of_examples(
        self, target: Target, read: Callable[[], np.ndarray], seconds: float, check: Callable[[Any], None]
    ) -> Answer:
        inputs = {"inputs": read()}

        def checked(version: Version) -> Any:
            signature = version.servable.signatures.get(target.signature_key)
            if signature is None:
                raise invalid(f"No signature was found with the name: {target.signature_key[:100]}")
            if list(signature.inputs) != ["inputs"]:
                raise invalid(f"Expected one input Tensor named 'inputs', the signature has {sorted(signature.inputs)}")
            check(signature.outputs)

        with self.versions.use(target.model, target.number, target.label) as version:
            checked(version)
            return self._run(version, target, inputs, seconds)

    def _run(self, version: Version, target: Target, inputs: Arrays, seconds: float) -> Answer:
        servable = version.servable
        check_inputs(inputs, servable.signatures[target.signature_key].inputs)
        start = time.perf_counter()
        future = servable.submit(target.signature_key, inputs, seconds)
        rows = next((len(value) for value in inputs.values() if value.ndim), 1)
        try:
            outputs = result_within(future, seconds)
        except Refused as refusal:
            if rows == 0 and refusal.code is Code.INVALID_ARGUMENT:
                raise invalid("no rows in the request, and the model cannot answer none") from None
            raise
        self.metrics.run(target.model, rows, time.perf_counter() - start)
        return Answer(outputs, version.number)


def _check_classify(outputs: Mapping[str, Any]) -> None:
    if not outputs or not set(outputs) <= {"classes", "scores"}:
        raise invalid(
            f"Expected classification signature outputs to be 'classes' and 'scores', the signature has "
            f"{sorted(outputs)}"
        )


def _check_regress(outputs: Mapping[str, Any]) -> None:
    if list(outputs) != ["outputs"]:
        raise invalid(f"Expected one regression output named 'outputs', the signature has {sorted(outputs)}")
