"""Where a model is served: http://HOST:PORT/v1/models/NAME or grpc://HOST:PORT/NAME."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from keras_cwp.errors import ServingError

_PORTS = {"http": 8501, "https": 8501, "grpc": 8500, "grpcs": 8500}
_PATH = re.compile(r"(?:/v1/models)?/([^/:]+)(?:/versions/(\d{1,18})|/labels/(\w+))?/?(?::predict)?")


@dataclass(frozen=True)
class Address:
    """A model on a server.

    Args:
        scheme: http, https, grpc or grpcs.
        version, label: which of the model's versions; None: the server's choice.
    """

    scheme: str
    host: str
    port: int
    model: str
    version: int | None = None
    label: str | None = None

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in ("https", "grpcs")

    @property
    def netloc(self) -> str:
        """HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}/{self.model}"


@dataclass(frozen=True)
class Credentials:
    """What a server may ask for.

    Args:
        token: sent as `Authorization: Bearer TOKEN`; "": none.
        authority: PEM file of the certificates to trust; None: the system's.
    """

    token: str = ""
    authority: Path | None = None


def is_address(text: str) -> bool:
    """Whether a MODEL is a server's address rather than a path."""
    return text.split("://", 1)[0].lower() in _PORTS and "://" in text


def parse_address(text: str) -> Address:
    """Read an address.

    Raises:
        ServingError: it names no host or no model, or has parts that mean nothing here.
    """
    expected = "expected http://HOST:PORT/v1/models/NAME or grpc://HOST:PORT/NAME, with /versions/N or /labels/L"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ServingError(f"MODEL {text}: {error}; {expected}") from None
    match = _PATH.fullmatch(parts.path)
    if parts.username or parts.password:
        raise ServingError("MODEL: an address with a password in it ends up in logs; use --token-file")
    if parts.scheme not in _PORTS or not parts.hostname or not match or parts.query or parts.fragment:
        raise ServingError(f"MODEL {text}: no address of a model; {expected}")
    version = int(match[2]) if match[2] else None
    return Address(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], match[1], version, match[3])
