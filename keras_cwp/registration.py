"""Make this package's layers known to Keras, without importing Keras before the user does.

`keras.models.load_model` finds a custom layer only when its class was registered. `import keras_cwp` has to be quick.
So the layers are registered at once where Keras is imported already, and else as soon as it is.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_LAYERS = "keras_cwp.layers"


def register_layers_with_keras() -> None:
    """Register the layers now, or when Keras is imported."""
    if "keras" in sys.modules:
        importlib.import_module(_LAYERS)
    elif not any(isinstance(finder, _AfterKeras) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterKeras())


class _AfterKeras(MetaPathFinder):
    """Finds Keras as usual, and has the layers imported behind it; then it is gone."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenLayers(spec.loader)
        return spec


class _ThenLayers(Loader):
    """Another loader, and the import of the layers after it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        importlib.import_module(_LAYERS)
