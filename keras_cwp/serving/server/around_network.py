"""A version whose network another program than TensorFlow computes, between the two halves that are around it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from keras_cwp.serving.around import AFTER, AROUND_FOLDER, BEFORE, PROBABILITIES, VIEWS
from keras_cwp.serving.server.batching import Arrays
from keras_cwp.serving.server.graph import Graph
from keras_cwp.serving.server.status import Code, Refused

Network = Callable[[np.ndarray], np.ndarray]


class AroundNetwork:
    """What `Graph` is, of a version with AROUND_FOLDER.

    Args:
        version: its folder.
        network: float32 [B, image_size, image_size, 1] in [0, 1], B may be 0 → float32 [B, classes]. It is called in
            the thread that asks.

    Raises:
        OSError, ValueError, KeyError, tf.errors.OpError: it cannot be loaded.
    """

    def __init__(self, version: Path, network: Network) -> None:
        self._network = network
        self._graph = Graph(version / AROUND_FOLDER)
        names = [name.removeprefix(BEFORE) for name in self._graph.functions if name.startswith(BEFORE)]
        self.functions = {name: partial(self._ask, name) for name in names}

    def close(self) -> None:
        """Unload it."""
        self.functions = {}
        self._graph.close()
        del self._network

    def _ask(self, name: str, inputs: Arrays) -> Arrays:
        known = self._graph.functions[f"{BEFORE}{name}"](inputs)
        views = known.pop(VIEWS)
        return self._graph.functions[f"{AFTER}{name}"](known | {PROBABILITIES: self._mean(views)})

    def _mean(self, views: np.ndarray) -> np.ndarray:
        """Probabilities float32 [B, classes] of [views, B, image_size, image_size, 1].

        Raises:
            Refused: the network failed.
        """
        count, rows = views.shape[:2]
        try:
            found = self._network(views.reshape(count * rows, *views.shape[2:]))
            mean: np.ndarray = found.reshape(count, rows, found.shape[1]).mean(axis=0, dtype=np.float32)
            return mean
        except Exception as error:  # of classes that the C++ parts of other programs make
            reason = " ".join(str(error).split())
            raise Refused(Code.INTERNAL, f"{type(error).__name__}: {reason}") from None
