"""`keras-cwp config`: the settings that come with the package, and what every key means."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import click

from keras_cwp.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic.fields import FieldInfo

_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


@click.group("config")
def command() -> None:
    """The packaged settings, and every key with its default and meaning.

    --config NAME uses one of them; --config FILE a YAML file of your own.
    """


@command.command("list")
def list_settings() -> None:
    """Names of the packaged settings, each with the line that introduces it."""
    from keras_cwp.settings_file import packaged_settings

    known = packaged_settings()
    width = max(len(name) for name in known)
    for name, file in known.items():
        click.echo(f"{name:<{width}}  {_introduction(file)}")


@command.command("show")
@click.argument("name")
def show(name: str) -> None:
    """The text of the packaged settings NAME, to read or to start your own file from."""
    from keras_cwp.settings_file import packaged_settings

    known = packaged_settings()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise ConfigError(f"config show {name}: no packaged settings of that name; {hint}")
    click.echo(known[name].read_text(encoding="utf-8"), nl=False)


@command.command("keys")
@click.argument("section", required=False)
def keys(section: str | None) -> None:
    """Every key, or those of SECTION: its default, its values and its meaning."""
    from keras_cwp.config import Config
    from keras_cwp.schema import is_section

    sections = [name for name, field in Config.model_fields.items() if is_section(field.annotation)]
    if section is not None and section not in sections:
        raise ConfigError(f"config keys {section}: no such section; there are {', '.join(sections)}")
    for name, field in Config.model_fields.items():
        if section not in (None, name):
            continue
        if name not in sections:
            click.echo("\n".join(_lines(name, field)) + "\n")
            continue
        click.echo(f"{name}: {field.annotation.__doc__}\n")
        for key, inner in _inside(name, field.annotation):
            click.echo("\n".join(f"  {line}" for line in _lines(key, inner)) + "\n")


def _inside(name: str, schema: Any) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a section and of sections within it."""
    from keras_cwp.schema import is_section

    for key, field in schema.model_fields.items():
        if is_section(field.annotation):
            yield from _inside(f"{name}.{key}", field.annotation)
        else:
            yield f"{name}.{key}", field


def _introduction(file: Path) -> str:
    """The first line, a comment."""
    return file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _lines(name: str, field: FieldInfo) -> Iterator[str]:
    default = field.get_default(call_default_factory=True)
    yield f"{name} = {_value(default)}   ({_values(field)})"
    yield f"    {field.description}"


def _value(value: Any) -> str:
    """A default as YAML would have it."""
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _values(field: FieldInfo) -> str:
    """What the key takes: words, or a type with its bounds."""
    return ", ".join([_type(field.annotation), *_bounds(field.metadata)])


def _bounds(metadata: Sequence[Any]) -> list[str]:
    return [
        f"{sign} {getattr(part, name)}"
        for part in metadata
        for name, sign in _SIGNS.items()
        if getattr(part, name, None) is not None
    ]


def _type(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(map(str, parts))
    if origin in (Union, types.UnionType):
        return " | ".join(_type(part) for part in parts)
    if origin is Annotated:
        return " ".join([_type(parts[0]), *_bounds(parts[1].metadata)])
    if annotation is type(None):
        return "none"
    if annotation is bool:
        return "true | false"
    names = {str: "text", int: "whole number", float: "number", tuple: "list", dict: "table"}
    return names[origin or annotation]
