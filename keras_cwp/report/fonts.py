"""Fonts for class names that Matplotlib's own font cannot write, such as Chinese ones."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

OWN_FONT = "DejaVu Sans"  # comes with Matplotlib: plots look the same everywhere
_LIKELY = ("cjk", "han", "hei", "song", "ming", "gothic", "wenquanyi", "pingfang", "hiragino", "yahei", "fallback")
_log = logging.getLogger(__name__)


def families(text: str) -> list[str]:
    """Font families that together have every character of a text: Matplotlib's own first, then installed ones.

    Characters that no installed font has are reported once in a warning; PNG files show boxes in their place.
    """
    return [OWN_FONT, *_fallbacks(frozenset(char for char in text if not char.isascii() and char.isprintable()))]


@functools.cache
def _fallbacks(characters: frozenset[str]) -> tuple[str, ...]:
    missing = characters - _characters(font_manager.findfont(OWN_FONT))
    found: list[str] = []
    if missing:
        for name, path in _installed():
            covered = missing & _characters(path)
            if covered and name not in found:
                found.append(name)
                missing -= covered
            if not missing:
                return tuple(found)
        _log.warning(
            "no installed font has the characters %s: PNG plots show boxes in their place, pages and SVG files do not; "
            "install a font such as Noto Sans CJK (Debian: fonts-noto-cjk)",
            "".join(sorted(missing)),
        )
    return tuple(found)


def _installed() -> Iterator[tuple[str, str]]:
    """(family, file) of installed fonts, those that are likely to have Chinese, Japanese or Korean characters first."""
    known = {font.fname for font in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):  # fonts newer than Matplotlib's list
        try:
            font_manager.fontManager.addfont(path)
        except (OSError, RuntimeError):  # a format that FreeType does not read
            continue
    fonts = [(font.name, font.fname) for font in font_manager.fontManager.ttflist]
    yield from sorted(fonts, key=lambda font: (_rank(font[0]), "Regular" not in font[1], font))


def _rank(name: str) -> int:
    """Simplified Chinese before other forms of the same characters, both before fonts of other scripts."""
    likely = any(part in name.lower() for part in _LIKELY)
    return 2 if not likely else int(not name.endswith("SC"))


def _characters(path: str) -> frozenset[str]:
    """What a font file can write; nothing where it cannot be read."""
    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()
