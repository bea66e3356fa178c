"""How uvicorn speaks HTTP here: HTTP/1.1 alone, silent, and without headers that a proxy or a client could forge."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from keras_cwp.errors import ServingError

KEEP_ALIVE_S = 30


def http_config(app: ASGIApp, tls: tuple[Path, Path] | None, **options: Any) -> uvicorn.Config:
    """A loaded configuration.

    Args:
        tls: certificate and key, PEM; None: no TLS.
        options: further ones of uvicorn.

    Raises:
        ServingError: a certificate or key that cannot be used.
    """
    files: dict[str, Any] = {} if tls is None else {"ssl_certfile": str(tls[0]), "ssl_keyfile": str(tls[1])}
    config = uvicorn.Config(
        app,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        **files,
        **options,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        said = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise ServingError(f"TLS certificate {files.get('ssl_certfile')}: {said}") from None
    return config
