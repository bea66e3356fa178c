"""One self-contained HTML page, made of sections, with its plots and tables as files beside it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import jinja2

from keras_cwp.files import write_bytes, write_text
from keras_cwp.report.blocks import Block, Scripted, files_of
from keras_cwp.report.plotting import SERIES, SERIES_ON_DARK, Plot, style
from keras_cwp.version import VERSION

Source = TypeVar("Source")


@dataclass(frozen=True)
class Section(Generic[Source]):
    """A section of a page: one row of the page's table of sections, and all that is known about it.

    Args:
        anchor: id of the section in the page.
        title: heading.
        short: name in the navigation.
        content: what the section shows, from what the page is about.
        condition: whether there is anything to show; a section without is left out everywhere.
        answers: items of reporting checklists that the section answers: TRIPOD+AI, CLAIM, what the item asks for.
    """

    anchor: str
    title: str
    short: str
    content: Callable[[Source], Sequence[Block]]
    condition: Callable[[Source], bool] = lambda _: True
    answers: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Filled:
    """A section with its blocks."""

    anchor: str
    title: str
    short: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """Everything that a page says.

    Args:
        kind: a line above the title.
        lead: the first sentences.
        alarm: a verdict that stands before everything else; "" for none.
        alarm_level: `bad`, `doubtful` or `good`; the colour of its box.
        facts: name → value, in a line under the title.
        tiles: the metrics shown largest: name, value, interval.
    """

    kind: str
    title: str
    lead: Sequence[str]
    sections: Sequence[Filled]
    alarm: str = ""
    alarm_level: str = "bad"
    facts: Mapping[str, str] = field(default_factory=dict)
    tiles: Sequence[Mapping[str, str]] = ()

    @cached_property
    def script(self) -> str:
        """The JavaScript of its blocks; "" where they have none."""
        blocks = (block for section in self.sections for block in section.blocks)
        return "\n".join(dict.fromkeys(block.script for block in blocks if isinstance(block, Scripted)))

    @property
    def script_hash(self) -> str:
        """What the page's Content-Security-Policy lets run, and nothing else; "" for no script."""
        if not self.script:
            return ""
        return "sha256-" + base64.b64encode(hashlib.sha256(self.script.encode()).digest()).decode()


def fill(sections: Sequence[Section[Source]], source: Source, names: str = "") -> list[Filled]:
    """The sections that have something to show, with their plots drawn.

    Args:
        names: all names that stand in plots, for the choice of fonts.
    """
    with style(names):
        return [
            Filled(section.anchor, section.title, section.short, tuple(section.content(source)))
            for section in sections
            if section.condition(source)
        ]


def write_page(page: Page, path: Path) -> None:
    """Write the page, and beside it figures/*.svg and .png and tables/*.csv.

    The page holds everything it shows, asks the network for nothing, and runs no script but that of its blocks.

    Raises:
        CwpError: the folder cannot be written.
    """
    for part in files_of(block for section in page.sections for block in section.blocks):
        if isinstance(part, Plot):
            write_text(path.parent / "figures" / f"{part.name}.svg", part.svg)
            write_bytes(path.parent / "figures" / f"{part.name}.png", part.png())
        else:
            write_text(path.parent / "tables" / f"{part.name}.csv", part.csv())
    write_text(path, render(page))


def render(page: Page) -> str:
    """The page as HTML; every text of it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_cwp.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    palette: dict[str, Any] = {"light": SERIES, "dark": SERIES_ON_DARK}
    environment.globals.update(palette=palette, version=VERSION)
    return environment.get_template("page.html.j2").render(page=page)
