"""The space that a search chooses from: keys of the configuration, and the values that each may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_cwp.config import Config
from keras_cwp.errors import ConfigError
from keras_cwp.schema import validated
from keras_cwp.settings_file import lay_over, read_yaml

_SECTIONS = ("model", "augment", "train")
# What inner folds choose already, or what all networks of a process have in common.
_FIXED = ("train.epochs", "train.steps", "train.early_stopping", "train.threads")
_KINDS = ("range", "log")
_FRACTION = 0.3819660112501051  # of a range: irrational, so that the number is whole for no ends but by chance
Value = str | int | float | bool | None


@dataclass(frozen=True)
class Choices:
    """One of several values."""

    values: tuple[Value, ...]

    @property
    def examples(self) -> tuple[Value, ...]:
        """Values that show whether all of them are of the schema."""
        return self.values


@dataclass(frozen=True)
class Range:
    """A number from low to high, both included.

    Args:
        log: draw it evenly on a logarithmic scale.
        whole: only whole numbers, as the key takes no others.
    """

    low: float
    high: float
    log: bool
    whole: bool = False

    @property
    def examples(self) -> tuple[Value, ...]:
        """Its ends."""
        return self.low, self.high


Space = dict[str, Choices | Range]


def read_space(path: Path | str) -> dict[str, Any]:
    """A space from a YAML file, as `search.space` of the configuration holds it.

    Raises:
        ConfigError: no such file, or not YAML.
    """
    return read_yaml(Path(path))


def space_of(config: Config, where: str = "search.space") -> Space:
    """What `search.space` says, checked against the configuration that it is laid over.

    Args:
        where: names the space in messages.

    Raises:
        ConfigError: an empty space, an unknown key, one that cannot be searched, or a value out of the schema.
    """
    if not config.search.space:
        raise ConfigError(f"{where}: it is empty; give keys such as train.learning_rate: {{log: [1.0e-4, 1.0e-2]}}")
    found: Space = {}
    for key, stated in config.search.space.items():
        _check_key(str(key), where)
        found[key] = _read(f"{where}: {key}", stated)
        for value in found[key].examples:
            laid_over(config, {key: value}, where)
        found[key] = _whole_where_the_key_is(found[key], config, key)
    return found


def laid_over(config: Config, values: Mapping[str, Any], where: str = "search.space") -> Config:
    """The configuration with a trial's values, and without the search.

    Raises:
        ConfigError: an unknown key, or a value out of the schema.
    """
    tree = config.model_dump(mode="json") | {"search": {}, "candidates": {}}
    for key, value in values.items():
        lay_over(tree, key, value)
    return validated(Config, tree, where)


def _whole_where_the_key_is(values: Choices | Range, config: Config, key: str) -> Choices | Range:
    """A range as it is, or, where the key does not take a number between its ends, of whole numbers."""
    if isinstance(values, Choices):
        return values
    low, high = values.low, values.high
    try:
        laid_over(config, {key: low + (high - low) * _FRACTION})
    except ConfigError:
        return Range(int(low), int(high), values.log, whole=True)
    return values


def _check_key(key: str, where: str) -> None:
    section, _, name = key.partition(".")
    if section not in _SECTIONS or not name:
        raise ConfigError(f"{where}: {key!r} cannot be searched; expected keys of the sections {', '.join(_SECTIONS)}")
    if key in _FIXED:
        why = (
            "all trainings of a process share it" if key == "train.threads" else "inner folds choose the epoch already"
        )
        raise ConfigError(f"{where}: {key!r} cannot be searched, for {why}; leave it out")


def _read(where: str, stated: Any) -> Choices | Range:
    if isinstance(stated, list):
        if not stated or any(isinstance(value, list | dict) for value in stated):
            raise ConfigError(f"{where}: expected a list of single values, got {stated!r}")
        return Choices(tuple(stated))
    if not isinstance(stated, dict) or len(stated) != 1 or next(iter(stated)) not in _KINDS:
        raise ConfigError(
            f"{where}: expected a list of choices, {{range: [low, high]}} or {{log: [low, high]}}, got {stated!r}"
        )
    kind, ends = next(iter(stated.items()))
    numbers = isinstance(ends, list) and all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    if not numbers or len(ends) != 2 or not ends[0] < ends[1]:
        raise ConfigError(f"{where}: {kind} expects two numbers, the lower first, got {ends!r}")
    if kind == "log" and ends[0] <= 0:
        raise ConfigError(f"{where}: log expects numbers above 0, got {ends!r}")
    return Range(ends[0], ends[1], kind == "log")
