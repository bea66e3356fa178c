"""The configurations that nested cross-validation chooses among."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from keras_cwp.config import Config
from keras_cwp.errors import ConfigError
from keras_cwp.schema import validated
from keras_cwp.settings_file import find_settings, read_yaml

_SECTIONS = ("model", "augment", "train")
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def read_candidate(path: Path | str) -> dict[str, Any]:
    """One entry of `candidates` from a YAML file.

    Raises:
        ConfigError: no such file, or not YAML.
    """
    return read_yaml(find_settings(path))


def candidate_configs(config: Config) -> dict[str, Config]:
    """What nested cross-validation chooses among: each candidate laid over the configuration; that alone without any.

    Raises:
        ConfigError: a section other than model, augment and train, an unknown key, a value out of range, or
            candidates without inner folds.
    """
    if config.candidates and config.split.inner is None:
        raise ConfigError(f"candidates {sorted(config.candidates)}: inner folds choose among them; give split.inner")
    base = config.model_copy(update={"candidates": {}})
    found = {}
    for name, overlay in config.candidates.items():
        where = f"candidate {name}"
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{where}: a name is made of letters, digits, _ and -, for it names a folder")
        for section, values in overlay.items():
            if section not in _SECTIONS or not isinstance(values, dict):
                sections = ", ".join(_SECTIONS)
                raise ConfigError(f"{where}: {section!r} is {values!r}; candidates have sections, {sections}")
        tree = base.model_dump(mode="json")
        for section, values in overlay.items():
            tree[section] |= values
        found[name] = validated(Config, tree, f"configuration {where}")
    return found or {"only": base}
