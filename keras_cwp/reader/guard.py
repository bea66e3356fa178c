"""Who may ask the page's server: its own page alone, and beyond this machine only with a token.

A web page elsewhere can make a browser ask 127.0.0.1, and by DNS rebinding also read the answer under a name of its
own. So the Host header has to be a name of this server, and what changes something has to come from the same origin.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """What a server admits.

    Args:
        host: address that it listens on.
        token: what a client sends as `Authorization: Bearer TOKEN`; "": nothing.
        names: further host names that it is reached by.
    """

    host: str
    token: str = ""
    names: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    def knows(self, host_header: str) -> bool:
        """Whether a Host header is a name of this server, at any port (one may be forwarded).

        Beyond loopback every numeric address is one: a page that rebinds DNS has a name.
        """
        name = _name_of(host_header)
        if name in _LOOPBACK or name in {each.casefold() for each in (self.host, *self.names)}:
            return True
        if self.is_loopback:
            return False
        return _is_address(name) or name in {socket.gethostname().casefold(), socket.getfqdn().casefold()}

    def admits(self, authorization: str) -> bool:
        """Whether a client's Authorization header has the token; takes the same time for every wrong one."""
        scheme, _, given = authorization.partition(" ")
        right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self.token.encode())
        return not self.token or (right and scheme.lower() == "bearer")


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    return host.casefold() in _LOOPBACK or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


class Guard:
    """Refuses what `Access` does not admit, and adds headers that keep a browser from doing more than the page needs.

    Args:
        app: gets what is admitted.
        data: beginnings of paths that need the token; the page itself has no data in it.
    """

    def __init__(self, app: ASGIApp, access: Access, data: Sequence[str]) -> None:
        self._app, self._access, self._data = app, access, tuple(data)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refused = self._refused(scope)
        await (refused or self._app)(scope, receive, send_guarded)

    def _refused(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if not self._access.knows(headers.get("host", "")):
            return _answer(421, "this server is not known by that name; see --allow-host")
        if _is_foreign(headers):
            return _answer(403, "the request comes from another page")
        if scope["path"].startswith(self._data) and not self._access.admits(headers.get("authorization", "")):
            return _answer(401, "a bearer token is required", {"www-authenticate": "Bearer"})
        return None


def _is_foreign(headers: Headers) -> bool:
    """Whether another page asks.

    The scheme does not count: a proxy in front may speak TLS where this server does not.
    """
    origin = headers.get("origin")
    if origin is not None:
        return origin.partition("//")[2].casefold() != headers.get("host", "").casefold()
    return headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def _answer(status: int, said: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": said}, status, headers)


def _name_of(host_header: str) -> str:
    """The name of a Host header without its port, in lower case; "" where it is none."""
    try:
        return (urlsplit(f"//{host_header}").hostname or "").casefold()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
