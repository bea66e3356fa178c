"""grpc.health.v1.Health: one status for the server as a whole and for each service, asked for or watched."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import SERVICE_NAME, HealthServicer

MOST_WATCHERS = 32  # each keeps a stream open for as long as its client wants
# TensorFlow Serving's health service knows the short names.
_SERVICES = (
    "",
    "PredictionService",
    "ModelService",
    "tensorflow.serving.PredictionService",
    "tensorflow.serving.ModelService",
)
_UNKNOWN = "unknown"  # stands for every other name, so that the servicer keeps no list of what clients write


class Health(HealthServicer):
    """gRPC's own servicer, whose watchers are counted, and let go when the server stops."""

    def __init__(self) -> None:
        super().__init__()
        self._watchers: set[Callable[[Any], None]] = set()
        self._counting = threading.Lock()
        self._set(health_pb2.HealthCheckResponse.NOT_SERVING)

    def handlers(self) -> Any:
        """What the server is given."""
        coding = (_request, health_pb2.HealthCheckResponse.SerializeToString)
        methods = {
            "Check": grpc.unary_unary_rpc_method_handler(self.Check, *coding),
            "Watch": grpc.unary_stream_rpc_method_handler(self.Watch, *coding),
        }
        return grpc.method_handlers_generic_handler(SERVICE_NAME, methods)

    def start(self) -> None:
        """Say SERVING from now on."""
        self._set(health_pb2.HealthCheckResponse.SERVING)

    def stop(self) -> None:
        """Say NOT_SERVING for good and end what is watched: a stop would wait for it."""
        self.enter_graceful_shutdown()
        with self._counting:
            watchers = list(self._watchers)
        for send in watchers:
            send(None)

    def Watch(  # noqa: N802 - gRPC's name
        self, request: Any, context: grpc.ServicerContext, send_response_callback: Callable[[Any], None]
    ) -> None:
        """The status now and whenever it changes; called without a thread of its own."""
        with self._counting:
            full = len(self._watchers) >= MOST_WATCHERS
            if not full:
                self._watchers.add(send_response_callback)
        if full:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {MOST_WATCHERS} watch already")
        context.add_callback(lambda: self._forget(send_response_callback))
        super().Watch(request, context, send_response_callback)

    def _forget(self, watcher: Callable[[Any], None]) -> None:
        with self._counting:
            self._watchers.discard(watcher)

    def _set(self, status: Any) -> None:
        for name in _SERVICES:
            self.set(name, status)


def _request(content: bytes) -> Any:
    """What was asked; bytes that are no message ask for no service that there is."""
    try:
        service = health_pb2.HealthCheckRequest.FromString(content).service
    except DecodeError:
        service = _UNKNOWN
    return health_pb2.HealthCheckRequest(service=service if service in _SERVICES else _UNKNOWN)
