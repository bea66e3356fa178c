"""What a client asks of a server, whichever API it speaks."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from keras_cwp.errors import ServingError

SIGNATURE = "roi_bytes"
OK = "ok"  # as serving/decode.py has it, which imports TensorFlow
BAD_BOX = "the box has no area on the image"  # as serving/resample.py
NO_BOX = (float("nan"),) * 4
_T = TypeVar("_T")


class UnavailableError(ServingError):
    """The server cannot be reached or is too busy: the one error after which asking again makes sense."""


@dataclass(frozen=True)
class Row:
    """One region: PNG bytes, and x, y, width, height in its pixels or NO_BOX; their spacing, 0 where it is unknown."""

    image: bytes
    box: tuple[float, float, float, float]
    spacing_mm: float = 0.0


@dataclass(frozen=True)
class Reply:
    """The answer to one region.

    Args:
        probabilities: float64 [classes]; NaN where status, which says why, is not `ok`.
        members: whether each class belongs to the set; None where the model does not say.
        distance: from the training data, above 1 where the region is unlike them; None where the model does not say.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    status: str
    members: tuple[bool, ...] | None = None
    distance: float | None = None


@dataclass(frozen=True)
class Served:
    """What a server says of a model: the version that answers, and the inputs of the signature asked."""

    version: int
    inputs: frozenset[str]


class Transport(Protocol):
    """One API; its methods may be called by several threads."""

    def describe(self) -> Served:
        """What is served at the address.

        Raises:
            ServingError: the server refuses, or is none.
        """

    def ask(self, rows: list[Row], served: Served) -> list[Reply]:
        """One reply a row.

        Raises:
            ServingError: as `describe`.
        """

    def close(self) -> None:
        """Close connections."""


@dataclass(frozen=True)
class Retries:
    """How often to ask again when the server is unavailable, after which waits.

    Args:
        times: after the first.
        first_s, most_s: seconds before the first retry, doubled each time up to the most; a random half is added.
    """

    times: int = 6
    first_s: float = 0.2
    most_s: float = 10.0

    def call(self, function: Callable[[], _T], sleep: Callable[[float], None] = time.sleep) -> _T:
        """The function's result.

        Raises:
            UnavailableError: it was so every time; whatever else it raises at once.
        """
        doubled = wait_exponential(multiplier=self.first_s, max=self.most_s)
        retrying = Retrying(
            stop=stop_after_attempt(self.times + 1),
            wait=lambda state: doubled(state) * random.uniform(1, 1.5),
            retry=retry_if_exception_type(UnavailableError),
            sleep=sleep,
            reraise=True,
        )
        return retrying(function)
