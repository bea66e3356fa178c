"""Sections of settings: frozen tables with named keys, and messages about keys and values that they refuse."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from typing_extensions import TypeIs

from keras_cwp.errors import ConfigError

Schema = TypeVar("Schema", bound=BaseModel)
_NEAR = 0.8  # difflib's ratio: train.epoch and train.epochs
_ALTERNATIVE = re.compile(r"constrained-|literal\[|int$|none$")  # in the place of an error, for a key of several types
# Keys of earlier versions, and what to do about them. RUN folders that hold them are still read.
RETIRED = {"data.rois_per_shard": "all crops of a data set are in one file now, crops.npy; remove the key"}


class Section(BaseModel):
    """A frozen table of settings; an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, coerce_numbers_to_str=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _none_is_a_word_too(cls, tree: Any) -> Any:
        """`none` means no value for a key that may have none; an empty section has its defaults."""
        if tree is None or tree == "":
            return {}
        if not isinstance(tree, dict):
            return tree
        optional = {name for name, field in cls.model_fields.items() if NoneType in get_args(field.annotation)}
        return {name: None if name in optional and _is_none(value) else value for name, value in tree.items()}


def is_section(annotation: Any) -> TypeIs[type[Section]]:
    """Whether a key's annotation is a section. `dict[str, int]` counts as a type in Python 3.10, hence the origin."""
    return get_origin(annotation) is None and isinstance(annotation, type) and issubclass(annotation, Section)


def validated(schema: type[Schema], tree: Mapping[str, Any], where: str) -> Schema:
    """A tree of settings as a section.

    Args:
        where: names the file in messages.

    Raises:
        ConfigError: an unknown key, a value of the wrong type or range.
    """
    try:
        return schema.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error, where, schema)) from None


def _is_none(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() in ("none", "null", "~", "")


def _explain(error: ValidationError, where: str, schema: type[BaseModel]) -> str:
    first, *others = error.errors()
    key = _key(first["loc"])
    alternatives = [each["msg"] for each in others if _key(each["loc"]) == key]
    more = f" ({len(others) - len(alternatives)} more)" if len(others) > len(alternatives) else ""
    if first["type"] == "extra_forbidden":
        known = ", ".join(_keys_beside(first["loc"], schema))
        hint = RETIRED.get(key) or f"known here: {known}{_nearest(key, schema)}"
        return f"{where}: unknown key {key!r}; {hint}{more}"
    expected = "; or ".join([first["msg"], *alternatives])
    return f"{where}: {key}: {expected}, got {_received(first['input'])}{more}"


def _key(location: tuple[int | str, ...]) -> str:
    """The key of an error, without pydantic's names for the kinds of value that it tried in turn."""
    return ".".join(str(part) for part in location if not _ALTERNATIVE.match(str(part)))


def _received(value: Any) -> str:
    """A value as the user wrote it: numbers are text until the schema reads them."""
    try:
        return value if isinstance(value, str) and float(value) is not None else repr(value)
    except ValueError:
        return repr(value)


def _nearest(key: str, schema: type[BaseModel]) -> str:
    """A question for the key that was meant: of the same name in another section, or spelt much like it."""
    keys = _dotted(schema)
    same = [known for known in keys if known.rpartition(".")[2] == key.rpartition(".")[2]]
    near = same or difflib.get_close_matches(key, keys, n=1, cutoff=_NEAR)
    return f"; did you mean {near[0]}?" if near else ""


def _dotted(schema: Any, before: str = "") -> list[str]:
    """All keys of a schema, those of sections with the section's name."""
    found = []
    for name, field in schema.model_fields.items():
        inside = is_section(field.annotation)
        found += _dotted(field.annotation, f"{before}{name}.") if inside else [f"{before}{name}"]
    return found


def _keys_beside(location: tuple[int | str, ...], schema: Any) -> list[str]:
    """The keys that the section has in which the last part of `location` is unknown."""
    for part in location[:-1]:
        if schema is not None and hasattr(schema, "model_fields"):
            schema = schema.model_fields[str(part)].annotation
        else:  # dict[str, Section]: the part is a key of the dict
            schema = get_args(schema)[1]
    return sorted(schema.model_fields)
