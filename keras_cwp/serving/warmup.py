"""The warm-up file: requests that TensorFlow Serving replays before it calls a version AVAILABLE."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from keras_cwp.serving.bundle import BATCH_SIZES
from keras_cwp.serving.endpoints import ENDPOINTS
from keras_cwp.training.run import ModelContract

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


def write_warmup(version: Path, contract: ModelContract) -> int:
    """Write one record for each signature and allowed batch size into a version's folder.

    One failing record makes TensorFlow Serving refuse the model, so `verify` replays them before it is published.

    Returns:
        Number of records; TensorFlow Serving reads no more than 1,000.
    """
    path = version / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    records = [endpoint.warm_up(contract, rows) for rows in BATCH_SIZES for endpoint in ENDPOINTS]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record.SerializeToString())
    return len(records)
