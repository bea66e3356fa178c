"""grpc.health.v1.Health, asked by gRPC's own stub: one answer, and a stream of them until the server stops."""

from __future__ import annotations

import time
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.serving_helpers import Running, refused, start, wait_until

from keras_cwp.serving.server import health

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


def asked(service: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=service)


def stub_of(running: Running) -> health_pb2_grpc.HealthStub:
    return health_pb2_grpc.HealthStub(running.channel)


@pytest.mark.parametrize(
    "service", ["", "PredictionService", "ModelService", "tensorflow.serving.PredictionService",
                "tensorflow.serving.ModelService"],
)  # fmt: skip
def test_each_service_is_known(service: str, running: Running) -> None:
    assert stub_of(running).Check(asked(service), timeout=20).status == SERVING
    stream = stub_of(running).Watch(asked(service), timeout=20)
    assert next(stream).status == SERVING
    stream.cancel()


def test_another_service(running: Running) -> None:
    assert refused(lambda: stub_of(running).Check(asked("x"), timeout=20))[0] == "NOT_FOUND"
    stream = stub_of(running).Watch(asked("x"), timeout=20)
    assert next(stream).status == SERVICE_UNKNOWN
    stream.cancel()


def test_bytes_that_are_no_message_are_the_clients_fault(running: Running) -> None:
    check = running.channel.unary_unary("/grpc.health.v1.Health/Check")
    assert refused(lambda: check(b"\xff\xff", timeout=20))[0] == "NOT_FOUND"


def test_a_watcher_sees_the_stop_which_does_not_wait_for_it(stub: Path) -> None:
    with start([stub], drain_s=60.0) as running:
        stream = stub_of(running).Watch(asked(""), timeout=50)
        other = stub_of(running).Watch(asked("x"), timeout=50)
        assert (next(stream).status, next(other).status) == (SERVING, SERVICE_UNKNOWN)
        begun = time.monotonic()
        running.server.stop()
        running.server.stop = lambda: None  # type: ignore[method-assign]
        assert time.monotonic() - begun < 30
        assert [answer.status for answer in stream] == [NOT_SERVING]
        assert list(other) == []
        assert (stream.code(), other.code()) == (grpc.StatusCode.OK, grpc.StatusCode.OK)


def test_watchers_are_limited_and_leave_room_for_requests(stub: Path) -> None:
    with start([stub], max_requests=1) as running:
        streams = [stub_of(running).Watch(asked(""), timeout=50) for _ in range(health.MOST_WATCHERS)]
        assert {next(stream).status for stream in streams} == {SERVING}
        said = refused(lambda: next(stub_of(running).Watch(asked(""), timeout=20)))
        assert said == ("RESOURCE_EXHAUSTED", f"more than {health.MOST_WATCHERS} watch already")
        assert running.predict("serving_default", image_bytes=[b"x"]).outputs["status"].string_val == [b"ok"]
        streams.pop().cancel()
        wait_until(lambda: len(running.server._health._watchers) < health.MOST_WATCHERS)
        assert next(stub_of(running).Watch(asked(""), timeout=20)).status == SERVING
