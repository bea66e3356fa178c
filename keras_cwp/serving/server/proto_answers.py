"""The answers that are protos over both APIs: status, metadata, tensors, classifications, regressions."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from keras_cwp.serving.server.service import Answer, Target
from keras_cwp.serving.server.status import Code
from keras_cwp.serving.server.tensors import to_proto
from keras_cwp.serving.server.version import Version
from keras_cwp.serving.server.versions import Versions

SIGNATURES = "signature_def"  # the only metadata that there is


def status_response(versions: list[Version]) -> Any:
    """GetModelStatusResponse."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in versions:
        status = response.model_version_status.add(version=version.number, state=int(version.state))
        status.status.error_code = (Code.INTERNAL if version.error else Code.OK).number
        status.status.error_message = version.error
    return response


def metadata_response(versions: Versions, target: Target) -> Any:
    """GetModelMetadataResponse with the signatures.

    Raises:
        Refused: no such model, version or label.
    """
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    signatures = get_model_metadata_pb2.SignatureDefMap()
    with versions.use(target.model, target.number, target.label) as version:
        for name, signature in version.servable.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
            signatures.signature_def[name].ClearField("defaults")
        response.model_spec.CopyFrom(_spec(target.model, version.number))
    response.metadata[SIGNATURES].Pack(signatures)
    return response


def predict_response(target: Target, answer: Answer, wanted: list[str]) -> Any:
    """PredictResponse with the outputs wanted."""
    response = predict_pb2.PredictResponse(model_spec=_spec(target.model, answer.version, target.signature_key))
    for name in wanted:
        response.outputs[name].CopyFrom(to_proto(answer.outputs[name]))
    return response


def classification_response(target: Target, answer: Answer) -> Any:
    """ClassificationResponse: label and score of each class, by row."""
    spec = _spec(target.model, answer.version, target.signature_key)
    response = classification_pb2.ClassificationResponse(model_spec=spec)
    labels, scores = answer.outputs.get("classes"), answer.outputs.get("scores")
    shape = (scores if labels is None else labels).shape  # type: ignore[union-attr]
    for row in range(shape[0]):
        found = response.result.classifications.add()
        for column in range(shape[1]):
            label = "" if labels is None else labels[row, column].decode("utf-8", "replace")
            found.classes.add(label=label, score=0.0 if scores is None else scores[row, column])
    return response


def regression_response(target: Target, answer: Answer) -> Any:
    """RegressionResponse: a value a row."""
    spec = _spec(target.model, answer.version, target.signature_key)
    response = regression_pb2.RegressionResponse(model_spec=spec)
    for value in np.ravel(answer.outputs["outputs"]):
        response.result.regressions.add(value=value)
    return response


def _spec(model: str, version: int, signature: str = "") -> Any:
    spec = model_pb2.ModelSpec(name=model, signature_name=signature)
    spec.version.value = version
    return spec
