"""Number and noun together, for every sentence that counts."""

from __future__ import annotations


def plural(number: int, noun: str, many: str | None = None) -> str:
    """1 ROI, 1,061 ROIs; 2 classes.

    Args:
        many: the noun for any number but 1; None: the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def verb(number: int, one: str, many: str) -> str:
    """The form of a verb that fits a number: 1 pair looks, 2 pairs look."""
    return one if number == 1 else many
