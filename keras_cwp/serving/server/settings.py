"""How a server listens and what it allows."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from keras_cwp.serving.server.version import Polling

LOOPBACK = "127.0.0.1"
Engine = Literal["auto", "tensorflow", "onnx"]
ENGINES: tuple[Engine, ...] = ("auto", "tensorflow", "onnx")


@dataclass(frozen=True)
class Tls:
    """PEM files of the server's certificate (with its chain) and key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Settings:
    """Of one server.

    Args:
        host: address to listen on.
        rest_port, grpc_port: 0 takes a free one.
        tls: None: plain text.
        token: what a client has to send as `Authorization: Bearer TOKEN`; "": nothing.
        max_request_bytes: of one request, also when it is unpacked.
        max_requests: to models that are worked on at once, over REST and gRPC together; more are refused with
            UNAVAILABLE (503).
        timeout_s: the longest that a request may take.
        drain_s: the longest that a stop waits for requests.
        polling: how versions are looked for.
        cors_origins: web pages that may ask over REST, "*" for every one.
        nan_as_null: REST answers have null for a number that is none.
        reflection: gRPC clients may ask what can be asked.
        engine: what computes the networks; see `engines.open_servable`.
    """

    host: str = LOOPBACK
    rest_port: int = 8501
    grpc_port: int = 8500
    tls: Tls | None = None
    token: str = ""
    max_request_bytes: int = 64 * 2**20
    max_requests: int = 128
    timeout_s: float = 30.0
    drain_s: float = 30.0
    polling: Polling = field(default_factory=Polling)
    cors_origins: tuple[str, ...] = ()
    nan_as_null: bool = False
    reflection: bool = False
    engine: Engine = "auto"

    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def admits(self, authorization: str) -> bool:
        """Whether a client's Authorization header has the token; takes the same time for every wrong one."""
        if not self.token:
            return True
        scheme, _, given = authorization.partition(" ")
        right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self.token.encode())
        return right and scheme.lower() == "bearer"
