"""Classify regions of interest of chest radiographs with ShuffleNet V2 and ECA, and judge it on other patients.

The names below are the public API. Each is imported when it is first used, so `import keras_cwp` is quick and does not
start TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from keras_cwp.registration import register_layers_with_keras
from keras_cwp.version import VERSION as __version__

if TYPE_CHECKING:
    from keras_cwp.api.data import Audit, audit_data, draw_phantoms, open_data, prepare
    from keras_cwp.api.model import Model, load
    from keras_cwp.api.networks import architectures, import_weights, preview_augmentation
    from keras_cwp.api.planning import Plan, patients_for_difference, patients_for_half_width, plan
    from keras_cwp.api.predictions import Predictions
    from keras_cwp.api.pretraining import Pretraining, pretrain
    from keras_cwp.api.remote import RemoteModel
    from keras_cwp.api.run import Evaluation, Report, Run
    from keras_cwp.api.training import Comparison, Folds, compare, cross_validate, fit, search
    from keras_cwp.config import Config, load_config
    from keras_cwp.errors import CwpError

_HOMES = {
    "keras_cwp.api.data": ("Audit", "audit_data", "draw_phantoms", "open_data", "prepare"),
    "keras_cwp.api.model": ("Model", "load"),
    "keras_cwp.api.planning": ("Plan", "patients_for_difference", "patients_for_half_width", "plan"),
    "keras_cwp.api.predictions": ("Predictions",),
    "keras_cwp.api.remote": ("RemoteModel",),
    "keras_cwp.api.networks": ("architectures", "import_weights", "preview_augmentation"),
    "keras_cwp.api.pretraining": ("Pretraining", "pretrain"),
    "keras_cwp.api.run": ("Evaluation", "Report", "Run"),
    "keras_cwp.api.training": ("Comparison", "Folds", "compare", "cross_validate", "fit", "search"),
    "keras_cwp.config": ("Config", "load_config"),
    "keras_cwp.errors": ("CwpError",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Audit",
    "Comparison",
    "Config",
    "CwpError",
    "Evaluation",
    "Folds",
    "Model",
    "Plan",
    "Predictions",
    "Pretraining",
    "RemoteModel",
    "Report",
    "Run",
    "__version__",
    "architectures",
    "audit_data",
    "compare",
    "cross_validate",
    "draw_phantoms",
    "fit",
    "import_weights",
    "load",
    "load_config",
    "open_data",
    "patients_for_difference",
    "patients_for_half_width",
    "plan",
    "prepare",
    "pretrain",
    "preview_augmentation",
    "search",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'keras_cwp' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register_layers_with_keras()
