"""Which of the attributes of VIA's regions holds the class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from keras_cwp.data.annotations.reading import Reading
from keras_cwp.data.identity import tidy
from keras_cwp.errors import DataError

_USUAL = ("label", "class")


def class_attribute(regions: Iterable[Mapping[str, Any]], reading: Reading, path: Path) -> str:
    """The attribute that was asked for; else `label` or `class`; else the only one that is filled in anywhere.

    One answer for a whole file: a comment that stands beside an empty class is not a class.

    Raises:
        DataError: no region has the attribute that was asked for, or several or none are filled in and the regions
            are not only to be predicted; "" is returned then.
    """
    asked = reading.label_attribute
    filled: dict[str, None] = {}
    for attributes in regions:
        filled |= dict.fromkeys(name for name, value in attributes.items() if ticked(value))
    if asked is not None:
        if asked not in filled:
            raise DataError(f"{path}: no region has a value of the attribute {asked!r}; filled in are {list(filled)}")
        return asked
    usual = [name for name in _USUAL if name in filled] or list(filled)
    if len(usual) == 1:
        return usual[0]
    if reading.to_predict:
        return ""
    raise DataError(
        f"{path}: no class: its attributes are {list(filled)}; say with --label-attribute which one is the class"
    )


def label_of(attributes: Mapping[str, Any], name: str, where: str) -> str:
    """The class of one region; "" when `name` is "".

    Raises:
        DataError: it has none, or several ticks of a check box.
    """
    if not name:
        return ""
    names = ticked(attributes.get(name))
    if len(names) != 1:
        said = f"{len(names)} ticks ({', '.join(names)})" if names else "nothing"
        raise DataError(f"{where}: its attribute {name!r} has {said}, expected one class; its attributes: {attributes}")
    return names[0]


def ticked(value: Any) -> list[str]:
    """The names that a value states: a text, a number, or the ticks of a check box ({"normal": true})."""
    if isinstance(value, dict):
        return [tidy(str(name)) for name, tick in value.items() if tick is True and tidy(str(name))]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return []
    return [tidy(str(value))] if tidy(str(value)) else []
