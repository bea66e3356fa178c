"""Settings files: YAML whose scalars stay text, found by path or, when they come with the package, by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from keras_cwp.errors import ConfigError

_PACKAGE = Path(__file__).parent
_WORDS = {"none": None, "null": None, "~": None, "true": True, "false": False}


class TextLoader(yaml.SafeLoader):
    """Reads every scalar but an unquoted null as text; the schema decides what is a number and what a switch.

    YAML 1.1 turns on, off, yes and no into booleans, 01 into 1 and leaves 3e-3 as text. Settings and class names
    have such words.
    """


TextLoader.yaml_implicit_resolvers = {}
TextLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])


def parse_yaml(text: str) -> Any:
    """The tree of a YAML text, whose scalars stay text.

    Raises:
        yaml.YAMLError: not YAML.
    """
    return yaml.load(text, TextLoader)


def as_values(stated: Any) -> Any:
    """A tree of text with its numbers, none, true and false as such, for keys that have no schema."""
    if isinstance(stated, dict):
        return {key: as_values(value) for key, value in stated.items()}
    if isinstance(stated, list | tuple):
        return [as_values(value) for value in stated]
    if not isinstance(stated, str):
        return stated
    if stated.strip().lower() in _WORDS:
        return _WORDS[stated.strip().lower()]
    for kind in (int, float):
        try:
            return kind(stated)
        except ValueError:
            continue
    return stated


def packaged_settings() -> dict[str, Path]:
    """Name to file of the settings that come with the package: `default`, `paper_table/resnet50`, …

    An installed package has them inside; a checkout has the folder `configs` beside the package.
    """
    inside = _PACKAGE / "configs"
    folder = inside if inside.is_dir() else _PACKAGE.parent / "configs"
    files = sorted(folder.rglob("*.yaml"), key=lambda file: (len(file.parts), file))
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in files}


def find_settings(path: Path | str) -> Path:
    """The file at `path`, or the packaged one of that name. A path with a suffix is always a file.

    Raises:
        ConfigError: a name without a suffix that is neither.
    """
    path = Path(path)
    if path.suffix or path.is_file():
        return path
    known = packaged_settings()
    if path.as_posix() not in known:
        raise ConfigError(f"configuration {path}: no such file, and keras_cwp comes with {', '.join(known)} only")
    return known[path.as_posix()]


def read_yaml(path: Path) -> dict[str, Any]:
    """The sections of a YAML file.

    Raises:
        ConfigError: no such file, not YAML, or not a mapping.
    """
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"configuration {path}: {error.strerror}; name an existing YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"configuration {path}: not YAML: {reason}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"configuration {path}: expected sections such as 'train:', got {type(tree).__name__}")
    return tree


def parse_overrides(items: Iterable[str]) -> dict[str, Any]:
    """`section.key=value` texts as a mapping; a later item counts.

    Raises:
        ConfigError: no `=`, an empty key, or a value that is not YAML.
    """
    found = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not all(name.strip().split(".")):
            raise ConfigError(f"--set {item!r}: expected section.key=value, for example train.epochs=5")
        try:
            found[name.strip()] = parse_yaml(text)
        except yaml.YAMLError:
            raise ConfigError(f"--set {item!r}: the value is not YAML") from None
    return found


def lay_over(tree: dict[str, Any], name: str, value: Any) -> None:
    """Set `section.key` in a tree of settings.

    Raises:
        ConfigError: a part of the name is a value already.
    """
    *sections, key = name.split(".")
    for section in sections:
        below = tree.get(section)
        if below is None:
            below = tree[section] = {}
        if not isinstance(below, dict):
            raise ConfigError(f"setting {name!r}: {section!r} is a value, not a section")
        tree = below
    tree[key] = value
