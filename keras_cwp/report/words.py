"""Numbers as text, the same way everywhere."""

from __future__ import annotations

from typing import Any


def figure_text(figure: dict[str, Any], digits: int = 3) -> str:
    """0.913 [0.880, 0.941]; an en dash where the value is undefined, no brackets where the interval is."""
    if figure["value"] is None:
        return "–"
    value = f"{figure['value']:.{digits}f}"
    return value if figure["ci95"] is None else f"{value} {interval_text(figure, digits)}"


def interval_text(figure: dict[str, Any], digits: int = 3) -> str:
    """[0.880, 0.941], or an en dash."""
    if figure["ci95"] is None:
        return "–"
    lower, upper = figure["ci95"]
    return f"[{lower:.{digits}f}, {upper:.{digits}f}]"


def plural(number: int, noun: str) -> str:
    """1 ROI, 1,061 ROIs."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
