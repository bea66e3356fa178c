"""TensorFlow Serving's gRPC services, and gRPC's health service."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1.health import SERVICE_NAME
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2,
    predict_pb2,
    prediction_service_pb2,
    regression_pb2,
)

from keras_cwp.errors import ServingError
from keras_cwp.runtime import install_command
from keras_cwp.serving.server import proto_answers as answers
from keras_cwp.serving.server.health import MOST_WATCHERS, Health
from keras_cwp.serving.server.model_configs import configs_of_proto
from keras_cwp.serving.server.servable import examples_of
from keras_cwp.serving.server.service import Service, Target
from keras_cwp.serving.server.settings import Settings
from keras_cwp.serving.server.status import Code, Refused, invalid, shortened
from keras_cwp.serving.server.tensors import from_protos

_SPARE_CALLS = MOST_WATCHERS + 32  # watched health, status and metadata, and requests about to be refused
_ASKING = ("Predict", "Classify", "Regress")  # of a model


def grpc_server(
    service: Service, settings: Settings, workers: ThreadPoolExecutor, roots: set[Path]
) -> tuple[grpc.Server, Health, int]:
    """A server that listens but does not answer yet; its health; its port.

    Args:
        workers: threads that answer; each holds one request.
        roots: folders that a reloaded configuration may name models in.

    Raises:
        RuntimeError: the port is taken.
    """
    limit = settings.max_request_bytes
    options = [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # a second server on the same port is a mistake
    ]
    most = settings.max_requests + _SPARE_CALLS
    server = grpc.server(
        workers, interceptors=[_ReflectionToken(settings)], options=options, maximum_concurrent_rpcs=most
    )
    health = Health()
    calls = _Calls(service, roots)
    prediction = {
        "Predict": (predict_pb2.PredictRequest, calls.predict),
        "Classify": (classification_pb2.ClassificationRequest, calls.classify),
        "Regress": (regression_pb2.RegressionRequest, calls.regress),
        "GetModelMetadata": (get_model_metadata_pb2.GetModelMetadataRequest, calls.metadata),
    }
    models = {
        "GetModelStatus": (get_model_status_pb2.GetModelStatusRequest, calls.status),
        "HandleReloadConfigRequest": (model_management_pb2.ReloadConfigRequest, calls.reload),
    }
    server.add_generic_rpc_handlers(
        (
            _handlers("tensorflow.serving.PredictionService", prediction, service, settings),
            _handlers("tensorflow.serving.ModelService", models, service, settings),
            health.handlers(),
        )
    )
    if settings.reflection:
        _reflect(server)
    address = f"[{settings.host}]" if ":" in settings.host else settings.host
    return server, health, _bind(server, f"{address}:{settings.grpc_port}", settings)


def _reflect(server: grpc.Server) -> None:
    try:
        from grpc_reflection.v1alpha import reflection
    except ImportError:
        raise ServingError(f"--grpc-reflection needs grpcio-reflection: {install_command('reflection')}") from None
    services = [each.DESCRIPTOR.services_by_name.values() for each in (prediction_service_pb2, model_service_pb2)]
    names = [service.full_name for some in services for service in some]
    reflection.enable_server_reflection([*names, SERVICE_NAME, reflection.SERVICE_NAME], server)


class _ReflectionToken(grpc.ServerInterceptor):
    """Asks for the token before gRPC's own reflection service answers, which knows none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        asked = details.method.startswith("/grpc.reflection.")
        if not asked or self._settings.admits(_authorization(details.invocation_metadata)):
            return continuation(details)
        return grpc.stream_stream_rpc_method_handler(lambda _, context: _ask_for_token(context))


class _Calls:
    """A request proto and the seconds it has → a response proto."""

    def __init__(self, service: Service, roots: set[Path]) -> None:
        self._service, self._roots = service, roots

    def predict(self, request: Any, seconds: float) -> Any:
        target = _target(request.model_spec)
        answer = self._service.predict(
            target,
            lambda infos: from_protos(request.inputs, infos),
            lambda name: Refused(Code.FAILED_PRECONDITION, f'Serving signature key "{name[:200]}" not found.'),
            seconds,
        )
        return answers.predict_response(target, answer, _wanted(request.output_filter, answer.outputs))

    def classify(self, request: Any, seconds: float) -> Any:
        target = _target(request.model_spec)
        answer = self._service.classify(target, lambda: examples_of(request.input), seconds)
        return answers.classification_response(target, answer)

    def regress(self, request: Any, seconds: float) -> Any:
        target = _target(request.model_spec)
        answer = self._service.regress(target, lambda: examples_of(request.input), seconds)
        return answers.regression_response(target, answer)

    def metadata(self, request: Any, _: float) -> Any:
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != answers.SIGNATURES:
                raise invalid(f"Metadata field {field[:200]} is not supported")
        return answers.metadata_response(self._service.versions, _target(request.model_spec))

    def status(self, request: Any, _: float) -> Any:
        target = _target(request.model_spec)
        return answers.status_response(self._service.versions.status(target.model, target.number, target.label))

    def reload(self, request: Any, _: float) -> Any:
        self._service.versions.reload(configs_of_proto(request.config, self._roots))
        return model_management_pb2.ReloadConfigResponse()


def _handlers(name: str, methods: dict[str, tuple[Any, Any]], service: Service, settings: Settings) -> Any:
    # Requests arrive as bytes: gRPC calls bytes that are no message INTERNAL, but the fault is the client's.
    handlers = {
        method: grpc.unary_unary_rpc_method_handler(_handler(method, kind, answer, service, settings))
        for method, (kind, answer) in methods.items()
    }
    return grpc.method_handlers_generic_handler(name, handlers)


def _handler(
    method: str, kind: Any, answer: Callable[[Any, float], Any], service: Service, settings: Settings
) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def handle(content: bytes, context: grpc.ServicerContext) -> bytes:
        if not settings.admits(_authorization(context.invocation_metadata())):
            _ask_for_token(context)
        request = _parsed(kind, content, context)
        left = context.time_remaining()
        seconds = min(settings.timeout_s, left if left is not None and math.isfinite(left) else settings.timeout_s)
        model = request.model_spec.name if hasattr(request, "model_spec") else ""
        try:
            place = service.slots.taken() if method in _ASKING else nullcontext()
            with place, service.observed(method, "GRPC", model):
                return answer(request, seconds).SerializeToString()
        except Refused as refusal:
            _abort(context, refusal)

    return handle


def _parsed(kind: Any, content: bytes, context: grpc.ServicerContext) -> Any:
    try:
        return kind.FromString(content)
    except DecodeError:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the bytes are no {kind.DESCRIPTOR.name}")


def _abort(context: grpc.ServicerContext, refusal: Refused) -> NoReturn:
    context.abort(grpc.StatusCode[refusal.code.name], shortened(refusal.message))
    raise AssertionError("abort raises")


def _ask_for_token(context: grpc.ServicerContext) -> NoReturn:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "a bearer token is required: authorization: Bearer TOKEN")
    raise AssertionError("abort raises")


def _authorization(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    found = [value for key, value in metadata or () if key == "authorization"]
    return found[0] if found and isinstance(found[0], str) else ""


def _target(spec: Any) -> Target:
    if not spec.name:
        raise invalid("ModelSpec has no name specified")
    number = spec.version.value if spec.WhichOneof("version_choice") == "version" else None
    label = spec.version_label if spec.WhichOneof("version_choice") == "version_label" else None
    return Target(spec.name, number, label or None, spec.signature_name)


def _wanted(filtered: Any, outputs: Any) -> list[str]:
    for name in filtered:
        if name not in outputs:
            raise invalid(f"output tensor alias not found in signature: {name[:200]} Outputs expected to be in the set "
                          f"{{{','.join(sorted(outputs))}}}.")  # fmt: skip
    return list(dict.fromkeys(filtered)) or list(outputs)


def _bind(server: grpc.Server, address: str, settings: Settings) -> int:
    if settings.tls is None:
        return server.add_insecure_port(address)
    pair = (settings.tls.key.read_bytes(), settings.tls.certificate.read_bytes())
    return server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
