"""One version of a served model, and how versions are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any


class State(IntEnum):
    """As in get_model_status.proto."""

    UNKNOWN = 0
    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(eq=False)
class Version:
    """One version of one model; changed under the manager's lock only.

    Args:
        error: why it could not be loaded.
        users: requests that hold it.
        tries, next_try: loads that failed, and time.monotonic() of the next one.
        refused: a folder with this number that a reload named and that could not be loaded, and why; this version goes
            on in its place.
    """

    model: str
    number: int
    path: Path
    state: State = State.START
    error: str = ""
    servable: Any = None
    users: int = 0
    tries: int = 0
    next_try: float = 0.0
    refused: tuple[Path, str] | None = None


@dataclass(frozen=True)
class Polling:
    """How versions are looked for.

    Args:
        every_s: seconds between two looks at the base paths.
        retries: of a load that failed.
        retry_wait_s: seconds between them.
    """

    every_s: float = 1.0
    retries: int = 5
    retry_wait_s: float = 60.0
