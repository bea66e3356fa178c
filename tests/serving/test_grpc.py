"""The gRPC API through TensorFlow Serving's own stubs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.serving_helpers import Running, example, predict_request, refused, start
from support.serving_stub import CLASSES, opacity
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    regression_pb2,
)

IMAGES = [b"x" * 10, b"\xff\x00" * 30]


def test_predict(running: Running) -> None:
    response = running.predict("", image_bytes=IMAGES)
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "serving_default"
    found = tf.make_ndarray(response.outputs["probabilities"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 1], [opacity(image, 1) for image in IMAGES], rtol=1e-6)
    assert tf.make_ndarray(response.outputs["classes"]).tolist() == [[name.encode() for name in CLASSES]] * 2


def test_one_row_comes_back_as_it_is_written(running: Running) -> None:
    assert tf.make_ndarray(running.predict("one", x=[1.0]).outputs["y"]).tolist() == pytest.approx([1.1])


def test_half_works_over_grpc(running: Running) -> None:
    found = running.predict("half_out", x=[1.5])
    assert tf.make_ndarray(found.outputs["y"]).dtype == np.float16
    found = running.predict("half_in", x=np.array([1.5], np.float16))
    assert tf.make_ndarray(found.outputs["y"]).tolist() == [1.5]


def test_a_filter_of_outputs(running: Running) -> None:
    request = predict_request("serving_default", image_bytes=IMAGES)
    request.output_filter.append("label")
    assert list(running.prediction.Predict(request).outputs) == ["label"]
    request.output_filter.append("nothing")
    code, details = refused(lambda: running.prediction.Predict(request))
    assert (code, "output tensor alias not found in signature: nothing" in details) == ("INVALID_ARGUMENT", True)


def tensor(dtype: int = 1, shape: tuple[int, ...] = (1,), **content: Any) -> Any:
    proto = tf.make_tensor_proto(0.0)
    proto.Clear()
    proto.dtype = dtype
    for side in shape:
        proto.tensor_shape.dim.add(size=side)
    for name, values in content.items():
        if isinstance(values, bytes):
            setattr(proto, name, values)
        else:
            getattr(proto, name).extend(values)
    return proto


TENSORS = [
    ({}, "Missing but required: {x}."),
    ({"x": tensor(float_val=[1]), "z": tensor(float_val=[1])}, "input size does not match signature: 2!=1"),
    ({"x": tensor(7, string_val=[b"a"])}, "input x is of type string, expected float"),
    ({"x": tensor(999)}, "input x is of type type 999, expected float"),
    ({"x": tensor(shape=(1, 1), float_val=[1])}, "input x has shape [1, 1], the signature has [?]"),
    ({"x": tensor(shape=(-1,), float_val=[1])}, "input x has no complete shape"),
    ({"x": tensor(shape=(2**40,), float_val=[1])}, "more than"),
    ({"x": tensor(shape=(2,), tensor_content=b"123")}, "the content contradicts type or shape"),
    ({"x": tensor(shape=(9,), float_val=[1])}, "Task size 9 is larger than maximum input batch size 8"),
]


@pytest.mark.parametrize(("inputs", "details"), TENSORS, ids=range(len(TENSORS)))
def test_tensors_that_do_not_fit(inputs: dict[str, Any], details: str, running: Running) -> None:
    request = predict_request("one")
    for name, proto in inputs.items():
        request.inputs[name].CopyFrom(proto)
    code, found = refused(lambda: running.prediction.Predict(request))
    assert code == "INVALID_ARGUMENT", found
    assert details in found


def test_strings_that_contradict_their_shape(running: Running) -> None:
    request = predict_request("serving_default")
    request.inputs["image_bytes"].CopyFrom(tensor(7, (3,), string_val=[b"a"]))
    code, found = refused(lambda: running.prediction.Predict(request))
    assert (code, "has 1 strings" in found) == ("INVALID_ARGUMENT", True)


@pytest.mark.parametrize(
    ("model", "signature", "code", "details"),
    [
        ("x", "one", "NOT_FOUND", "Servable not found for request: Latest(x)"),
        ("", "one", "INVALID_ARGUMENT", "ModelSpec has no name specified"),
        ("stub", "x", "FAILED_PRECONDITION", 'Serving signature key "x" not found.'),
        ("x" * 5000, "one", "NOT_FOUND", "x...TRUNCATED"),
    ],
)
def test_models_and_signatures_that_are_not_there(
    model: str, signature: str, code: str, details: str, running: Running
) -> None:
    found, said = refused(lambda: running.predict(signature, model=model, x=[1.0]))
    assert found == code
    assert details in said
    assert len(said) <= 1024 + len("...TRUNCATED")


def test_versions_and_labels_that_are_not_there(running: Running) -> None:
    request = predict_request("one", x=[1.0])
    request.model_spec.version.value = 7
    expected = ("NOT_FOUND", "Servable not found for request: Specific(stub, 7)")
    assert refused(lambda: running.prediction.Predict(request)) == expected
    request.model_spec.version_label = "new"
    expected = ("INVALID_ARGUMENT", "Unrecognized servable version label: new")
    assert refused(lambda: running.prediction.Predict(request)) == expected


def test_bytes_that_are_no_message_are_the_clients_fault(running: Running) -> None:
    call = running.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    assert refused(lambda: call(b"\xff" * 20)) == ("INVALID_ARGUMENT", "the bytes are no PredictRequest")


def test_classify_and_regress(running: Running) -> None:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = "stub", "classify"
    request.input.example_list.examples.extend([example(image) for image in IMAGES])
    found = running.prediction.Classify(request).result.classifications
    assert [[each.label for each in row.classes] for row in found] == [list(CLASSES)] * 2
    np.testing.assert_allclose([row.classes[1].score for row in found], [opacity(i, 1) for i in IMAGES], rtol=1e-6)
    ask = regression_pb2.RegressionRequest()
    ask.model_spec.name, ask.model_spec.signature_name = "stub", "regress"
    ask.input.example_list_with_context.context.CopyFrom(example(IMAGES[0]))
    ask.input.example_list_with_context.examples.add()
    values = [each.value for each in running.prediction.Regress(ask).result.regressions]
    assert values == pytest.approx([opacity(IMAGES[0], 1)])
    ask.ClearField("input")
    assert refused(lambda: running.prediction.Regress(ask)) == ("INVALID_ARGUMENT", "Input is empty.")


def test_metadata(running: Running) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "stub"
    said = refused(lambda: running.prediction.GetModelMetadata(request))
    assert said == ("INVALID_ARGUMENT", "GetModelMetadataRequest must specify at least one metadata_field")
    request.metadata_field.append("signature_def")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert running.prediction.GetModelMetadata(request).metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["classify"].method_name == "tensorflow/serving/classify"
    request.metadata_field.append("x")
    said = refused(lambda: running.prediction.GetModelMetadata(request))
    assert said == ("INVALID_ARGUMENT", "Metadata field x is not supported")


def test_status(running: Running) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "stub"
    (found,) = running.models.GetModelStatus(request).model_version_status
    assert (found.version, found.state, found.status.error_code) == (1, 30, 0)
    request.model_spec.version.value = 7
    expected = ("NOT_FOUND", "Could not find version 7 of model stub")
    assert refused(lambda: running.models.GetModelStatus(request)) == expected


def test_a_port_that_is_taken(running: Running, stub: Path) -> None:
    from keras_cwp.errors import ServingError
    from keras_cwp.serving.server.server import Server
    from keras_cwp.serving.server.settings import Settings

    with pytest.raises(ServingError, match=f"gRPC on 127.0.0.1:{running.server.grpc_port}: "):
        Server([stub], Settings(rest_port=0, grpc_port=running.server.grpc_port))
    with pytest.raises(ServingError, match=f"REST on 127.0.0.1:{running.server.rest_port}: Address already in use"):
        Server([stub], Settings(rest_port=running.server.rest_port, grpc_port=0))


def test_a_deadline_of_the_client_ends_the_wait(running: Running) -> None:
    code, _ = refused(lambda: running.predict("spin", seconds=0.05, loops=[3000]))
    assert code in ("DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")


def test_what_can_be_asked_is_told_where_it_was_allowed(stub: Path, running: Running) -> None:
    wanted = {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "grpc.health.v1.Health"}
    with start([stub], reflection=True) as told:
        assert wanted <= services(told)
    assert refused(lambda: services(running))[0] == "UNIMPLEMENTED"


def test_nothing_is_told_without_the_token(stub: Path) -> None:
    with start([stub], reflection=True, token="secret-token") as running:
        for metadata in ([], [("authorization", "Bearer wrong")]):
            assert refused(lambda metadata=metadata: services(running, metadata))[0] == "UNAUTHENTICATED"
        assert "grpc.health.v1.Health" in services(running, [("authorization", "Bearer secret-token")])


def services(running: Running, metadata: list[tuple[str, str]] | None = None) -> set[str]:
    ask = reflection_pb2_grpc.ServerReflectionStub(running.channel).ServerReflectionInfo
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    (answer,) = ask(asked, timeout=20, metadata=metadata)
    return {service.name for service in answer.list_services_response.service}
