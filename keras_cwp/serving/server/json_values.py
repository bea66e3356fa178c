"""Single values of a JSON request: texts, base64, and how they are named in messages."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from tensorflow.core.framework import types_pb2

from keras_cwp.serving.server.status import Refused, invalid
from keras_cwp.serving.server.tensors import type_name

SHOWN = 60  # characters of a value in a message
_WHITESPACE = {ord(character): None for character in " \t\r\n"}


def text(value: Any) -> bytes:
    """Bytes of a text or of {"b64": text}.

    Raises:
        Refused: anything else.
    """
    if isinstance(value, dict):
        return _unescaped(value)
    if not isinstance(value, str):
        raise wrong_type(value, types_pb2.DT_STRING)
    return encoded(value)


def _unescaped(value: dict[str, Any]) -> bytes:
    """The bytes of {"b64": text}; the standard alphabet, padded or not."""
    if not is_base64(value):
        raise invalid(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError):
        tidied = value["b64"].translate(_WHITESPACE).rstrip("=")
    try:
        return base64.b64decode(tidied + "=" * (-len(tidied) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def encoded(characters: str) -> bytes:
    """UTF-8 of a text.

    Raises:
        Refused: half a surrogate pair, which JSON can write.
    """
    try:
        return characters.encode("utf-8")
    except UnicodeEncodeError:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from None


def is_base64(value: Any) -> bool:
    """Whether it is {"b64": text}."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def is_object(value: Any) -> bool:
    """Whether it is an object, and not bytes."""
    return isinstance(value, dict) and not is_base64(value)


def wrong_type(value: Any, dtype: int) -> Refused:
    """The refusal of a value."""
    return invalid(f"JSON Value: {shown(value)} Type: {kind(value)} is not of expected type: {type_name(dtype)}")


def kind(value: Any) -> str:
    """JSON's name of its type."""
    names = {dict: "Object", list: "Array", str: "String", bool: str(value), type(None): "Null"}
    return names.get(type(value), "Number")


def shown(value: Any) -> str:
    """The start of a value, for messages."""
    if isinstance(value, (dict, list)):
        return f"{kind(value)} with {len(value)} elements" if value else "{}" if isinstance(value, dict) else "[]"
    return json.dumps(value[:SHOWN] if isinstance(value, str) else value)[: SHOWN + 2]
