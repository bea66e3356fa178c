"""Texts of DICOM elements by their character sets, strictly: bytes that a set does not have give no text at all.

pydicom puts replacement characters there, takes undeclared bytes for Latin-1 and divides a GBK value at a byte that
is half a character; for a patient's name each of these is a wrong name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ESCAPE = 0x1B
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
# After these a value's first set counts again, PS3.5 6.1.2.5.3; in names after the last two as well.
_RESETS = frozenset(b"\\\r\n\f\t")
_NAME_RESETS = _RESETS | frozenset(b"^=")
# Sets that stand alone, and Python's codecs of them (PS3.3 C.12.1.1.2). Latin and the like: ASCII and a right half.
_ALONE = {"ISO IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gbk"}
_RIGHT_HALVES = {
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "144": "iso8859_5",
    "127": "iso8859_6",
    "126": "iso8859_7",
    "138": "iso8859_8",
    "148": "iso8859_9",
    "166": "iso8859_11",
    "13": "shift_jis",  # of which single bytes alone are JIS X 0201
}
_DEFAULT = "6"
_HIGH = 0x80


@dataclass(frozen=True)
class _Set:
    """A set that an escape puts in place.

    Args:
        number: in its name, ISO 2022 IR number.
        right: whether it takes bytes from 0x80 on, or those below.
        width: bytes of a character.
        decode: bytes of one character → it.
    """

    number: str
    right: bool
    width: int
    decode: Callable[[bytes], str]


def _codec(name: str) -> Callable[[bytes], str]:
    return lambda character: character.decode(name)


def _japanese(prefix: bytes) -> Callable[[bytes], str]:
    """JIS X 0208 and 0212 in seven bits are EUC-JP without its high bits."""
    return lambda character: (prefix + bytes(byte | _HIGH for byte in character)).decode("euc_jp")


_ASCII = _Set(_DEFAULT, False, 1, _codec("ascii"))
_ROMAN = _Set("13", False, 1, _codec("ascii"))  # of JIS X 0201; its yen sign divides values as the backslash does
_RIGHT = {number: _Set(number, True, 1, _codec(codec)) for number, codec in _RIGHT_HALVES.items()}
# PS3.3 tables C.12-3 and C.12-4.
_ESCAPES: dict[bytes, _Set] = {
    b"(B": _ASCII,
    b"(J": _ROMAN,
    b")I": _RIGHT["13"],
    **{b"-" + final: _RIGHT[number] for final, number in (
        (b"A", "100"), (b"B", "101"), (b"C", "109"), (b"D", "110"), (b"L", "144"), (b"G", "127"), (b"F", "126"),
        (b"H", "138"), (b"M", "148"), (b"T", "166"),
    )},
    b"$B": _Set("87", False, 2, _japanese(b"")),
    b"$(D": _Set("159", False, 2, _japanese(b"\x8f")),
    b"$)C": _Set("149", True, 2, _codec("euc_kr")),
    b"$)A": _Set("58", True, 2, _codec("gb2312")),
}  # fmt: skip


def decoded(raw: bytes, charset: Sequence[str], is_name: bool = False) -> str | None:
    """The text of a value; None where its bytes are none of its file's character sets.

    Args:
        raw: without padding; several values with backslashes between them.
        charset: the values of SpecificCharacterSet; empty: ASCII.
        is_name: of VR PN.
    """
    try:
        text = _text(raw, [_tidied(name) for name in charset], is_name)
    except ValueError:  # UnicodeDecodeError is one
        return None
    return None if _CONTROLS.search(text) else text


def is_plain(raw: bytes) -> bool:
    """Whether the bytes mean the same in every character set."""
    return raw.isascii() and ESCAPE not in raw


def _tidied(name: str) -> str:
    """A set's name; blanks, hyphens and underscores are often confused in it."""
    return re.sub(r"[ _-]+", " ", name.strip().upper())


def _text(raw: bytes, names: list[str], is_name: bool) -> str:
    if is_plain(raw):
        return raw.decode("ascii")
    first = names[0] if names else ""
    if first in _ALONE:
        return raw.decode(_ALONE[first])
    numbers = [_number(name) for name in names]
    if len(names) == 1 and ESCAPE in raw and not first.startswith("ISO 2022"):
        raise ValueError("escapes in a value of one set")
    return _extended(raw, numbers or [_DEFAULT], _NAME_RESETS if is_name else _RESETS)


def _number(name: str) -> str:
    found = re.fullmatch(r"ISO (?:2022 )?IR (\d+)", name or f"ISO IR {_DEFAULT}")
    if found is None:
        raise ValueError("an unknown character set")
    return found[1]


def _extended(raw: bytes, numbers: list[str], resets: frozenset[int]) -> str:
    """By ISO 2022: a set for bytes below 0x80 and one for those above, which escapes change.

    Raises:
        ValueError: an escape or a byte of no set that was declared.
    """
    if numbers[0] not in (_DEFAULT, *_RIGHT_HALVES):
        raise ValueError("a first set that cannot come first")
    begun = {False: _ROMAN if numbers[0] == "13" else _ASCII, True: _RIGHT.get(numbers[0])}
    current = dict(begun)
    text, place = [], 0
    while place < len(raw):
        if raw[place] == ESCAPE:
            sequence = next((each for each in _ESCAPES if raw.startswith(each, place + 1)), None)
            if sequence is None or _ESCAPES[sequence].number not in (*numbers, _DEFAULT):
                raise ValueError("an escape to a set that was not declared")
            current[_ESCAPES[sequence].right] = _ESCAPES[sequence]
            place += 1 + len(sequence)
            continue
        used = current[raw[place] >= _HIGH]
        if used is None:
            raise ValueError("a byte above 0x7F in a set that has none")
        character = raw[place : place + used.width]
        text.append(used.decode(character))
        if used.width == 1 and raw[place] in resets:
            current = dict(begun)
        place += used.width
    return "".join(text)
