"""ShuffleNet V2 of three units instead of sixteen, for tests of what is done with a network and not of the network.

Building and tracing a network takes most of the time of such a test, and both grow with the number of units. Tests of
architectures, layers, weights and numbers use the real ones, and so do all tests that start a process to train in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from keras_cwp.models.presets import PRESETS, ShuffleNetPreset

_CHANNELS = {"shufflenet_v2_x0_5": (8, 16, 32, 64, 64), "shufflenet_v2_x1_0": (8, 24, 48, 96, 96)}


@contextmanager
def small_presets() -> Iterator[None]:
    """Until it ends, the rows x0_5 and x1_0 of the presets have one unit a stage."""
    rows = {}
    for arch, channels in _CHANNELS.items():
        row = PRESETS[arch]
        assert isinstance(row, ShuffleNetPreset)
        rows[arch] = replace(row, channels=channels, units=(1, 1, 1))
    with patch.dict(PRESETS, rows):
        yield
