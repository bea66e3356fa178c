"""How many requests are worked on at once, over both APIs together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from keras_cwp.serving.server.status import Code, Refused


class Slots:
    """Places for requests to models; status, metadata and health take none.

    Args:
        most: that are taken at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = threading.BoundedSemaphore(most)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            Refused: UNAVAILABLE, none is free; it is not waited for.
        """
        if not self._free.acquire(blocking=False):
            raise Refused(Code.UNAVAILABLE, f"more than {self._most} requests at once")
        try:
            yield
        finally:
            self._free.release()
