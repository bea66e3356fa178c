"""The warm-up file: requests that TensorFlow Serving replays before it calls a version AVAILABLE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from keras_cwp.errors import CwpError
from keras_cwp.serving.bundle import BATCH_SIZES
from keras_cwp.serving.endpoints import ENDPOINTS
from keras_cwp.training.run import ModelContract

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


@contextmanager
def written_by_tensorflow(path: Path) -> Iterator[None]:
    """Turn what TensorFlow says of a disk that is full or refuses into the package's own error.

    Raises:
        CwpError: it cannot write.
    """
    try:
        yield
    except tf.errors.OpError as error:
        reason = " ".join(error.message.split())
        raise CwpError(f"cannot write {path.parent}: {reason.rpartition('; ')[2] or reason}") from None


def write_warmup(version: Path, contract: ModelContract) -> int:
    """Write a record of one row for each signature, and one of each larger batch for `serving_default`, into a version.

    What takes long once is the first answer of a signature, whose graph is optimised, and the first of a batch size,
    for which the kernels of the network are chosen; the signatures have the network in common. One failing record makes
    TensorFlow Serving refuse the model, so `verify` replays them before it is published.

    Returns:
        Number of records; TensorFlow Serving reads no more than 1,000.
    """
    path = version / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    smallest, *larger = BATCH_SIZES
    records = [endpoint.warm_up(contract, smallest) for endpoint in ENDPOINTS]
    records += [ENDPOINTS[0].warm_up(contract, rows) for rows in larger]
    with written_by_tensorflow(path), tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record.SerializeToString())
    return len(records)
