"""Networks and their weights. `build_model` makes any row of `PRESETS`; the builders take their options one by one.

Names are looked up when they are asked for, because reading weights needs no Keras.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "PRESETS": "presets",
    "authors_eca": "authors",
    "build_model": "build",
    "efficientnet_lite": "lite",
    "read_checkpoint": "checkpoint",
    "read_network": "pretrained",
    "shufflenet_v2": "shufflenet",
    "stage_layers": "stages",
    "write_weights": "own_weights",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
