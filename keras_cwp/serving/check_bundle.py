"""Run an exported version as a stranger would: TensorFlow alone, neither keras nor keras_cwp, in a fresh process.

The exporter hands this file's text to `python -c`, so that it can import nothing of the package.
Arguments: the version's folder, an .npz of inputs, an .npz to write the answers to. Prints the number of warm-up
records by signature.
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


def main(folder: str, inputs: str, outputs: str) -> None:
    """Answer the inputs and replay the warm-up records; the answers go into `outputs`, one after the other."""
    records = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(f"{folder}/{WARMUP_FILE}")
    ]
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        # the loader that TensorFlow Serving's C++ loader mirrors: a graph and a session, no Python objects
        signatures = tf.compat.v1.saved_model.loader.load(session, ["serve"], folder).signature_def
        asked = [
            run(session, signatures[name], feed) for name, feed in requests_in(np.load(inputs, allow_pickle=False))
        ]
        counts, replayed = replay(session, signatures, records)
    answers = enumerate(asked + replayed)
    arrays = {f"{number}/{name}": storable(value) for number, answer in answers for name, value in answer.items()}
    np.savez(outputs, **arrays)  # type: ignore[arg-type]
    print(json.dumps(counts))


def requests_in(inputs: Any) -> list[tuple[str, dict[str, Any]]]:
    """Signature and inputs of each request; the .npz names its arrays `number/signature/input`."""
    requests: dict[tuple[int, str], dict[str, Any]] = {}
    for key in inputs.files:
        number, signature, name = key.split("/")
        requests.setdefault((int(number), signature), {})[name] = inputs[key]
    return [(signature, feed) for (_, signature), feed in requests.items()]


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


def storable(value: np.ndarray) -> np.ndarray:
    """Arrays of objects, which are bytes here, in a form that an .npz holds without pickling."""
    return value.astype(np.bytes_) if value.dtype == object else value


def replay(session: Any, signatures: Any, records: list[Any]) -> tuple[dict[str, int], list[dict[str, np.ndarray]]]:
    """Run every warm-up record; number of records by signature, and the answers."""
    counts: dict[str, int] = {}
    answers = []
    for record in records:
        name, feed = request_of(record)
        answers.append(run(session, signatures[name], feed))
        for value in answers[-1].values():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise SystemExit(f"a warm-up record of signature {name} has the answer {value.tolist()}")
        counts[name] = counts.get(name, 0) + 1
    return counts, answers


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
