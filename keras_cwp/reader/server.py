"""Listen, answer, and end without leaving a table locked."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from keras_cwp.errors import ServingError
from keras_cwp.serving.http_config import http_config

_START_S = 30.0
_DRAIN_S = 5


@contextmanager
def listening(app: ASGIApp, host: str, port: int, tls: tuple[Path, Path] | None = None) -> Iterator[int]:
    """Answer in a thread while the block runs.

    Args:
        port: 0 takes a free one.
        tls: PEM files of certificate and key; None: plain text.

    Yields:
        The port.

    Raises:
        ServingError: the address cannot be used, or the certificate not read.
    """
    taken = _socket(host, port)
    try:
        server = uvicorn.Server(_config(app, tls))
        thread = threading.Thread(target=server.run, args=([taken],), name="reader", daemon=True)
        thread.start()
        until = time.monotonic() + _START_S
        while not server.started:
            if not thread.is_alive() or time.monotonic() > until:
                raise ServingError(f"the page's server on {host}:{port} did not start")
            time.sleep(0.01)
        try:
            yield int(taken.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()
    finally:
        taken.close()


@contextmanager
def logging_to_stderr() -> Iterator[None]:
    """Write faults to stderr, a line each; requests are not logged at all."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("keras-cwp read: %(asctime)s %(message)s"))
    loggers = [logging.getLogger(name) for name in ("keras_cwp.reader", "uvicorn.error")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.ERROR)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
            logger.propagate = True


def _socket(host: str, port: int) -> socket.socket:
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
    except (OSError, OverflowError) as error:
        taken.close()
        raise ServingError(
            f"{host}:{port}: {getattr(error, 'strerror', None) or error}; choose another --port"
        ) from None
    return taken


def _config(app: ASGIApp, tls: tuple[Path, Path] | None) -> uvicorn.Config:
    return http_config(app, tls, http="h11", timeout_graceful_shutdown=_DRAIN_S)
