"""grpc.health.v1.Health: one status for the server as a whole and for each service, asked for or watched.

Not gRPC's own servicer (grpcio-health-checking 1.85): that one holds a lock while it sends, and takes the same lock in
gRPC's event thread when a watcher leaves. Each send waits for that thread. A client that left while a status was sent
stopped all of the server's gRPC for good. Here no lock that the event thread takes is held while something is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import SERVICE_NAME

MOST_WATCHERS = 32  # each keeps a stream open for as long as its client wants
# TensorFlow Serving's health service knows the short names.
_SERVICES = (
    "",
    "PredictionService",
    "ModelService",
    "tensorflow.serving.PredictionService",
    "tensorflow.serving.ModelService",
)
_UNKNOWN = "unknown"  # stands for every other name
_Response = health_pb2.HealthCheckResponse


class Health:
    """The status, and who watches it. Watchers are counted, and let go when the server stops."""

    def __init__(self) -> None:
        self._status = _Response.NOT_SERVING
        self._stopped = False
        self._watchers: set[_Watcher] = set()
        self._lock = threading.Lock()  # the event thread takes it: never held while something is sent

    def handlers(self) -> Any:
        """What the server is given."""
        coding = (_request, _Response.SerializeToString)
        methods = {
            "Check": grpc.unary_unary_rpc_method_handler(self.Check, *coding),
            "Watch": grpc.unary_stream_rpc_method_handler(self.Watch, *coding),
        }
        return grpc.method_handlers_generic_handler(SERVICE_NAME, methods)

    def start(self) -> None:
        """Say SERVING from now on."""
        self._say(_Response.SERVING)

    def stop(self) -> None:
        """Say NOT_SERVING for good and end what is watched: a stop would wait for it."""
        for watcher in self._say(_Response.NOT_SERVING, for_good=True):
            watcher.end()

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - gRPC's name
        """The status now."""
        if request.service == _UNKNOWN:
            context.set_code(grpc.StatusCode.NOT_FOUND)
            return _Response()
        return _Response(status=self._status)

    def Watch(  # noqa: N802 - gRPC's name
        self, request: Any, context: grpc.ServicerContext, send_response_callback: Callable[[Any], None]
    ) -> None:
        """The status now and whenever it changes; keeps no thread while it waits."""
        watcher = _Watcher(send_response_callback)
        with self._lock:
            full = len(self._watchers) >= MOST_WATCHERS
            if not full:
                self._watchers.add(watcher)
        if full:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {MOST_WATCHERS} watch already")
        if not context.add_callback(lambda: self._forget(watcher)):
            self._forget(watcher)  # the client has left already
            return
        if request.service == _UNKNOWN:
            watcher.tell(lambda: _Response.SERVICE_UNKNOWN)
        else:
            watcher.tell(lambda: self._status)
        if self._stopped:
            watcher.again()  # the stop can come between the first answer and here: its status goes before the end
            watcher.end()

    Watch.experimental_non_blocking = True  # type: ignore[attr-defined]  # the stream stays open when Watch returns

    def _say(self, status: Any, for_good: bool = False) -> list[_Watcher]:
        """Change the status and tell all watchers; returns them."""
        with self._lock:
            self._status, self._stopped = status, for_good
            watchers = list(self._watchers)
        for watcher in watchers:
            watcher.again()
        return watchers

    def _forget(self, watcher: _Watcher) -> None:
        with self._lock:
            self._watchers.discard(watcher)


class _Watcher:
    """A client that watches one service.

    Args:
        send: sends a response; None ends the stream.
    """

    def __init__(self, send: Callable[[Any], None]) -> None:
        self._send = send
        self._sending = threading.Lock()
        self._status: Callable[[], Any] | None = None  # what is watched; None before the first answer and after the end
        self._told: Any = None

    def tell(self, status: Callable[[], Any]) -> None:
        """Send the status for the first time."""
        self._status = status
        self.again()

    def again(self) -> None:
        """Send the status if it is another than was sent last. It is read here, so the last one sent is the newest."""
        with self._sending:
            if self._status is None or (now := self._status()) == self._told:
                return
            self._told = now
            self._send(_Response(status=now))

    def end(self) -> None:
        """End the stream, once it has had an answer."""
        with self._sending:
            if self._status is not None:
                self._status = None
                self._send(None)


def _request(content: bytes) -> Any:
    """What was asked; bytes that are no message ask for no service that there is."""
    try:
        service = health_pb2.HealthCheckRequest.FromString(content).service
    except DecodeError:
        service = _UNKNOWN
    return health_pb2.HealthCheckRequest(service=service if service in _SERVICES else _UNKNOWN)
