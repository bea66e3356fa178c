"""What a section of a page is made of, beside tables and plots.

`macro` names the macro of templates/parts.html.j2 that shows a block. A new kind of block is a
class here and a macro there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from keras_cwp.report.plotting import Plot
from keras_cwp.report.tables import Table


class Block(Protocol):
    """Anything that a page can show."""

    macro: ClassVar[str]


@runtime_checkable
class Scripted(Protocol):
    """A block that brings JavaScript of its own, which reads what the block's macro wrote."""

    @property
    def script(self) -> str:
        """The program's text, without a tag."""


@dataclass(frozen=True)
class Text:
    """A paragraph; `quiet` in the colour of notes."""

    text: str
    quiet: bool = False
    macro: ClassVar[str] = "text"


@dataclass(frozen=True)
class Cautions:
    """A box with a line for each thing that a reader should hold against the results."""

    lines: tuple[str, ...]
    macro: ClassVar[str] = "cautions"


@dataclass(frozen=True)
class Listing:
    """A plain list."""

    title: str
    lines: tuple[str, ...]
    macro: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Code:
    """Text as it stands in a file; with a title it can be opened and closed."""

    text: str
    title: str = ""
    macro: ClassVar[str] = "code"


@dataclass(frozen=True)
class Beside:
    """Blocks next to each other where the page is wide enough."""

    blocks: tuple[Block, ...]
    macro: ClassVar[str] = "beside"


@dataclass(frozen=True)
class FileOnly:
    """A table or plot that becomes a file beside the page and is not shown on it."""

    block: Table | Plot
    macro: ClassVar[str] = "nothing"


@dataclass(frozen=True)
class ColourBar:
    """The scale of heat maps.

    Args:
        src: data URI of the bar.
        low, high: what stands at its ends.
    """

    src: str
    low: str
    high: str
    macro: ClassVar[str] = "colour_bar"


@dataclass(frozen=True)
class Gallery:
    """Pictures in groups.

    Args:
        groups: heading → pictures; each is a mapping that the macro `gallery` reads.
    """

    groups: Mapping[str, Sequence[Mapping[str, Any]]]
    macro: ClassVar[str] = "gallery"


def files_of(blocks: Iterable[Any]) -> Iterator[Table | Plot]:
    """The tables and plots among blocks, also within others, in order."""
    for block in blocks:
        if isinstance(block, (Table, Plot)):
            yield block
        elif isinstance(block, FileOnly):
            yield block.block
        elif isinstance(block, Beside):
            yield from files_of(block.blocks)
