"""The server's log: one JSON object a line, without names, images, answers or what a client wrote."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

_LOGGER = logging.getLogger("keras_cwp.serving.server")


def event(name: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log what happened.

    Args:
        fields: of the server's own: model names of its configuration, versions, codes, times; never a request's text.
    """
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(level, "%s", json.dumps({"event": name, **fields}, default=str))


def fault(error: BaseException) -> None:
    """Log an error of the server's own: its type and where it arose; its text may quote a request."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames]
    event("fault", logging.ERROR, type=type(error).__name__, where=where)


@contextmanager
def logging_to_stderr() -> Iterator[None]:
    """Write the log to stderr, each line with its time (UTC) and level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    loggers = ((_LOGGER, logging.INFO), (logging.getLogger("uvicorn.error"), logging.WARNING))
    for logger, level in loggers:
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, _ in loggers:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
            logger.propagate = True


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        # uvicorn's own lines quote no request
        said = json.loads(record.getMessage()) if record.name == _LOGGER.name else {"event": record.getMessage()}
        return json.dumps({"time": time, "level": record.levelname.lower(), **said})
