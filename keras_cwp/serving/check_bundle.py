"""Run an exported version as a stranger would: TensorFlow alone, neither keras nor keras_cwp, in a fresh process.

The exporter hands this file's text to `python -c`, so that it can import nothing of the package.
Arguments: the version's folder, an .npz of inputs. Prints one JSON object.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import numpy as np

if __name__ == "__main__":
    # TensorFlow takes Keras along where it is installed; from here on neither can be imported
    sys.modules.update({"keras_cwp": None, "keras": None})  # type: ignore[dict-item]

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


def main(folder: str, inputs: str) -> None:
    """Answer the inputs through every signature and replay the warm-up records."""
    records = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(f"{folder}/{WARMUP_FILE}")
    ]
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        # the loader that TensorFlow Serving's C++ loader mirrors: a graph and a session, no Python objects
        meta = tf.compat.v1.saved_model.loader.load(session, ["serve"], folder)
        signatures = meta.signature_def
        result = {
            "methods": {name: signatures[name].method_name for name in signatures if not name.startswith("_")},
            "answers": answer_all(session, signatures, np.load(inputs, allow_pickle=False)),
            "warmup": replay(session, signatures, records),
        }
    print(json.dumps(result))


def answer_all(session: Any, signatures: Any, inputs: Any) -> dict[str, Any]:
    """Answers by signature; the .npz names its arrays `signature/input`."""
    feeds: dict[str, dict[str, Any]] = {}
    for key in inputs.files:
        signature, name = key.split("/")
        feeds.setdefault(signature, {})[name] = inputs[key]
    return {signature: jsonable(run(session, signatures[signature], feed)) for signature, feed in feeds.items()}


def run(session: Any, signature: Any, feed: dict[str, Any]) -> dict[str, np.ndarray]:
    """Outputs of one signature by name."""
    if set(feed) != set(signature.inputs):
        raise SystemExit(f"the signature takes {sorted(signature.inputs)}, the request has {sorted(feed)}")
    outputs = {name: info.name for name, info in signature.outputs.items()}
    return session.run(outputs, {signature.inputs[name].name: decoded(value) for name, value in feed.items()})


def decoded(value: Any) -> Any:
    """Arrays as they are; base64 text, which an .npz holds without pickling, as bytes."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return [base64.b64decode(each) for each in value]
    return value


def jsonable(outputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """Numbers and texts; NaN becomes null."""
    return {name: tidy(value.tolist()) for name, value in outputs.items()}


def tidy(value: Any) -> Any:
    if isinstance(value, list):
        return [tidy(each) for each in value]
    if isinstance(value, bytes):
        return value.decode()
    return None if isinstance(value, float) and value != value else value


def replay(session: Any, signatures: Any, records: list[Any]) -> dict[str, int]:
    """Run every warm-up record; number of records by signature."""
    counts: dict[str, int] = {}
    for record in records:
        name, feed = request_of(record)
        outputs = run(session, signatures[name], feed)
        for value in outputs.values():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise SystemExit(f"a warm-up record of signature {name} has the answer {value.tolist()}")
        counts[name] = counts.get(name, 0) + 1
    return counts


def request_of(log: Any) -> tuple[str, dict[str, Any]]:
    """Signature and inputs of a record, as TensorFlow Serving would feed them."""
    kind = log.WhichOneof("log_type")
    request = getattr(log, kind).request
    if kind == "predict_log":
        feed = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
    else:
        feed = {"inputs": [example.SerializeToString() for example in request.input.example_list.examples]}
    return request.model_spec.signature_name, feed


if __name__ == "__main__":
    main(*sys.argv[1:])
