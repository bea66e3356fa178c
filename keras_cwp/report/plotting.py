"""What all plots share: sizes, colours, fonts, and how a plot becomes SVG (in the page or as a file) and PNG.

Plots are drawn in the colours of the light palette. In the page each colour becomes a CSS variable, so that one plot
serves light, dark and print. Only Matplotlib's object interface is used: no pyplot, no global state.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from keras_cwp.report.fonts import OWN_FONT, families

INK, QUIET, PAPER = "#1b2733", "#68737f", "#fefefe"
SERIES = ("#0072b2", "#d55e00", "#00805d", "#a8558a", "#8c6d00", "#5b5bd6", "#3d7f96", "#9c4a4a")
"""After Okabe and Ito's palette, darkened to 3:1 contrast on white; lines also differ by dash."""
SERIES_ON_DARK = ("#5cb8f0", "#ff9a57", "#3fcf9f", "#e39bc5", "#dcc04a", "#a5a5ff", "#86c8dd", "#e89a9a")
DASHES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "solid", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1)), (0, (8, 2)),
)  # fmt: skip
_VARIABLES = {INK: "--ink", QUIET: "--quiet", PAPER: "--paper"} | {c: f"--s{i}" for i, c in enumerate(SERIES)}
_PNG_DPI = 200
_ROW_PAD_IN = 0.1  # above and below each row of panels
_LEGEND_ROW_IN = 0.17  # at the font size of legends below
_STYLE: Any = {
    "font.family": OWN_FONT,
    "font.size": 9,
    "svg.fonttype": "none",
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "axes.axisbelow": True,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.solid_joinstyle": "round",
}


@dataclass(frozen=True, eq=False)
class Plot:
    """A finished picture with what a page says about it.

    Args:
        name: file name without ending; also the prefix of its ids in the page.
        title: heading.
        caption: how to read it, a sentence or two.
        alt: what it shows, for readers who cannot see it.
        wide: it takes the whole width of the page.
    """

    name: str
    title: str
    caption: str
    alt: str
    figure: Figure
    wide: bool = False
    macro: ClassVar[str] = "plot"

    @property
    def width_in(self) -> float:
        """At which its text has the size that it was drawn with; on a narrower page the plot scrolls."""
        return float(self.figure.get_figwidth())

    @cached_property
    def svg(self) -> str:
        """A stand-alone SVG file on white."""
        file = io.StringIO()
        with matplotlib.rc_context({**_STYLE, "svg.hashsalt": self.name}), _boxes_for_unknown_characters():
            FigureCanvasSVG(self.figure).print_figure(file, format="svg", facecolor=PAPER, metadata={"Date": None})
            self.figure.set_layout_engine(None)  # the layout of this first drawing stays and is not computed again
        return file.getvalue()

    def inline_svg(self) -> Markup:
        """An SVG element that takes its colours and font from the page."""
        text = self.svg[self.svg.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        for colour, variable in _VARIABLES.items():
            text = text.replace(colour, f"var({variable})")
        text = re.sub(r"font: ([^;\"']*?px) [^;\"]*", r"font: \1 var(--sans)", text)
        text = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{self.name}-", text)
        text = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", text, count=1)
        text = re.sub(r'<svg ([^>]*?)height="[^"]*"', r"<svg \1", text, count=1)
        return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{_attribute(self.alt)}" ', 1))

    def png(self) -> bytes:
        """A PNG file on white."""
        file = io.BytesIO()
        with style(), _boxes_for_unknown_characters():
            FigureCanvasAgg(self.figure).print_figure(file, format="png", dpi=_PNG_DPI, facecolor=PAPER)
        return file.getvalue()


def blank(width: float, height: float, columns: int = 1, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """An empty figure of `rows × columns` axes; width and height in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    if rows > 1:  # else a panel's title touches the axis label above it
        figure.set_layout_engine("constrained", h_pad=_ROW_PAD_IN)
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.ravel())


def unit_square(axes: Axes, x_label: str, y_label: str) -> None:
    """Both axes from 0 to 1, equally long, with a quiet grid."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", xlabel=x_label, ylabel=y_label)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    grid(axes)


def panel_grid(panels: int) -> tuple[int, int]:
    """Columns and rows for small multiples: three abreast at most."""
    columns = min(panels, 3)
    return columns, -(-panels // columns)


def hide(panels: list[Axes]) -> None:
    """Leave the panels that have nothing to show empty."""
    for axes in panels:
        axes.set_visible(False)


def legend_below(figure: Figure, axes: Axes, title: str | None = None) -> None:
    """The legend of `axes` under the whole plot, which becomes higher by it, so that it covers no curve."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        columns = 1 if title else min(len(handles), 3)
        rows = -(-len(handles) // columns) + (title is not None)
        figure.set_figheight(figure.get_figheight() + _LEGEND_ROW_IN * rows)
        figure.legend(handles, labels, loc="outside lower left", title=title, alignment="left", ncols=columns)


def style(text: str = "") -> AbstractContextManager[Any]:
    """The style of every plot while it is drawn: fonts, axes, legends.

    Args:
        text: names that will stand in the plots; fonts are chosen that have their characters.
    """
    return matplotlib.rc_context({**_STYLE, "font.family": families(text)})


@contextmanager
def _boxes_for_unknown_characters() -> Iterator[None]:
    """Without Matplotlib's warning for each character that no font has; fonts.py warned once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def grid(axes: Axes) -> None:
    """Quiet lines behind the data."""
    axes.grid(color=QUIET, alpha=0.2, linewidth=0.7)
    axes.set_axisbelow(True)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
