"""The batching parameters file of TensorFlow Serving, which export writes beside the versions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from keras_cwp.errors import ServingError
from keras_cwp.runtime import cores
from keras_cwp.serving.wire import message

FILE = "batching_parameters.txt"


@dataclass(frozen=True)
class BatchingParameters:
    """How requests are run together; the names are the file's.

    Args:
        max_batch_size: rows of a batch, and of a request unless splitting is on.
        batch_timeout_micros: how long a request waits for company, microseconds.
        max_enqueued_batches: batches that may wait; beyond them a request is refused.
        num_batch_threads: batches that run at once; 0: one more than there are cores.
        allowed_batch_sizes: ascending; a batch is padded to the next of them. Empty: every size.
        enable_large_batch_splitting: run a request larger than max_execution_batch_size in parts.
        max_execution_batch_size: rows of one run when splitting is on; 0: max_batch_size.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 64
    num_batch_threads: int = 0
    allowed_batch_sizes: tuple[int, ...] = ()
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    @property
    def threads(self) -> int:
        """Batches that run at once; one more than cores, for a batch has moments in which it keeps no core busy."""
        return self.num_batch_threads or cores() + 1

    @property
    def run_rows(self) -> int:
        """Rows of one run at most."""
        return (self.enable_large_batch_splitting and self.max_execution_batch_size) or self.max_batch_size

    def padded(self, rows: int) -> int:
        """Rows that a batch of `rows` is run with."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


# where nobody wrote a file: requests of any size, run in parts
UNSTATED = BatchingParameters(
    max_batch_size=1 << 16, batch_timeout_micros=2000, enable_large_batch_splitting=True, max_execution_batch_size=32
)


def read_parameters(path: Path) -> BatchingParameters:
    """Read a file.

    Raises:
        ServingError: unreadable, no text proto of that kind, or sizes that TensorFlow Serving would refuse.
    """
    try:
        proto = text_format.Parse(path.read_text(encoding="utf-8"), message("BatchingParameters")())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise ServingError(f"batching parameters {path}: {error}") from None
    parameters = BatchingParameters(**{field.name: _plain(value) for field, value in _stated(proto)})
    _check(parameters, path)
    return parameters


def _stated(proto: Any) -> list[tuple[Any, Any]]:
    ignored = ("thread_pool_name", "pad_variable_length_inputs")
    return [(field, value) for field, value in proto.ListFields() if field.name not in ignored]


def _plain(value: Any) -> Any:
    if hasattr(value, "value"):
        return value.value
    return tuple(value)


def _check(parameters: BatchingParameters, path: Path) -> None:
    sizes, last = parameters.allowed_batch_sizes, parameters.run_rows
    if min(parameters.max_batch_size, parameters.max_enqueued_batches, last) < 1 or parameters.num_batch_threads < 0:
        raise ServingError(f"batching parameters {path}: sizes and counts have to be positive, found {parameters}")
    if parameters.batch_timeout_micros < 0:
        raise ServingError(f"batching parameters {path}: batch_timeout_micros is {parameters.batch_timeout_micros}")
    if sizes and (list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != last):
        raise ServingError(
            f"batching parameters {path}: allowed_batch_sizes {list(sizes)} have to ascend and end with {last}, "
            "the size of the largest batch"
        )
