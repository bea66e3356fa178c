"""How a request is refused: gRPC's codes, what each is over HTTP, and the one exception that carries them."""

from __future__ import annotations

from enum import Enum

GRPC_MESSAGE_LIMIT = 1024  # characters; TensorFlow Serving cuts there
_TRUNCATED = "...TRUNCATED"


class Code(Enum):
    """Name: (gRPC number, HTTP status), as http_server.cc of TensorFlow Serving maps them."""

    OK = (0, 200)
    CANCELLED = (1, 499)
    INVALID_ARGUMENT = (3, 400)
    DEADLINE_EXCEEDED = (4, 504)
    NOT_FOUND = (5, 404)
    ALREADY_EXISTS = (6, 409)
    PERMISSION_DENIED = (7, 403)
    RESOURCE_EXHAUSTED = (8, 429)
    FAILED_PRECONDITION = (9, 400)
    UNIMPLEMENTED = (12, 501)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)
    UNAUTHENTICATED = (16, 401)

    @property
    def number(self) -> int:
        """gRPC's and absl's number."""
        return self.value[0]

    @property
    def http(self) -> int:
        """HTTP status."""
        return self.value[1]


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A request that gets no result.

    Args:
        code: why, for the client's program.
        message: why, for its user.
        http: the HTTP status where it is not the code's.
    """

    def __init__(self, code: Code, message: str, http: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.http = code, message, http or code.http


def invalid(message: str) -> Refused:
    """The input is at fault."""
    return Refused(Code.INVALID_ARGUMENT, message)


def shortened(message: str) -> str:
    """A message as gRPC carries it."""
    return message if len(message) <= GRPC_MESSAGE_LIMIT else message[:GRPC_MESSAGE_LIMIT] + _TRUNCATED
