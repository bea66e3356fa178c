"""Asks the reader's server by HTTP, path and headers exactly as given."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from keras_cwp.reader.app import reader_app
from keras_cwp.reader.desk import Desk
from keras_cwp.reader.guard import Access
from keras_cwp.reader.server import listening

LOOPBACK = Access("127.0.0.1")


@dataclass(frozen=True)
class Answer:
    """Status, headers in lower case, body."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Client:
    """Of a server on this machine."""

    port: int

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", path, None, headers)

    def post(
        self, path: str, json: Any = None, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> Answer:
        body = content if content is not None else _text(json)
        return self.ask("POST", path, body, {"content-type": "application/json"} | dict(headers or {}))

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in ({"host": f"127.0.0.1:{self.port}"} | dict(headers or {})).items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()


@contextmanager
def serving(desk: Desk, access: Access = LOOPBACK) -> Iterator[Client]:
    """A client of a server that answers for this desk."""
    with listening(reader_app(desk, access), "127.0.0.1", 0) as port:
        yield Client(port)


def _text(tree: Any) -> bytes:
    return json.dumps(tree).encode()
