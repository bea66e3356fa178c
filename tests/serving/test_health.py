"""grpc.health.v1.Health, asked by gRPC's own stub: one answer, and a stream of them until the server stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


class Left:
    """A watcher's call whose client leaves when the test says so, in a thread of its own as in gRPC."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self.callbacks.append(callback)
        return True

    def leave(self) -> bool:
        """Whether the server let the event thread go on."""
        thread = threading.Thread(target=lambda: [callback() for callback in self.callbacks], daemon=True)
        thread.start()
        thread.join(10)
        return not thread.is_alive()


@pytest.mark.parametrize("moment", ["stop", "start", "another watch"])
def test_a_watcher_that_leaves_while_a_status_is_sent_does_not_stop_the_server(moment: str) -> None:
    servicer, leaver, went_on = health.Health(), Left(), list[bool]()
    servicer.Watch(asked(""), leaver, lambda _: None)  # type: ignore[arg-type]

    def send(response: Any) -> None:
        if sending and response is not None:
            went_on.append(leaver.leave())

    sending = moment == "another watch"
    servicer.Watch(asked(""), Left(), send)  # type: ignore[arg-type]
    sending = True
    if moment == "stop":
        servicer.start()
        servicer.stop()
    elif moment == "start":
        servicer.start()
    assert went_on
    assert all(went_on)


def test_a_stop_right_after_the_first_answer_is_told_before_the_end() -> None:
    servicer, answers = health.Health(), list[Any]()

    def send(response: Any) -> None:
        answers.append(response and response.status)
        if response is not None and response.status == SERVING:  # Watch has not returned yet
            stopping.start()
            wait_until(lambda: servicer._status == NOT_SERVING)

    stopping = threading.Thread(target=servicer.stop, daemon=True)
    servicer.start()
    servicer.Watch(asked(""), Left(), send)  # type: ignore[arg-type]
    stopping.join(10)
    assert not stopping.is_alive()
    assert answers == [SERVING, NOT_SERVING, None]


def test_watchers_that_come_and_go_leave_an_answering_server(stub: Path) -> None:
    with start([stub], max_requests=2) as running:

        def come_and_go() -> None:
            for _ in range(25):
                stream = stub_of(running).Watch(asked(""), timeout=20)
                next(stream)
                stream.cancel()

        threads = [threading.Thread(target=come_and_go) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert stub_of(running).Check(asked(""), timeout=20).status == SERVING


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
