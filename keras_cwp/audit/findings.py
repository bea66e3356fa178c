"""What a check of a data set reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keras_cwp.wording import verb

Level = Literal["error", "warning", "note"]
_SHOWN = 12  # examples kept with a finding


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    Args:
        level: an error makes metrics untrustworthy and has to be corrected; a warning has to be looked at.
        check: name of the check, a key of `checks.CHECKS`.
        rows: rows of the manifest that the finding is about, at most a few; for pairs, pairs.
        count: number of rows or pairs in all.
    """

    level: Level
    check: str
    message: str
    count: int = 0
    rows: tuple[tuple[int, ...], ...] = ()


def found(level: Level, check: str, groups: Sequence[tuple[int, ...]], one: str, many: str) -> list[Finding]:
    """A finding about groups of rows; none where there are no groups.

    Args:
        one, many: what stands after the number of groups, for 1 and for more.
    """
    if not groups:
        return []
    message = f"{len(groups):,} {verb(len(groups), one, many)}"
    return [Finding(level, check, message, len(groups), tuple(groups[:_SHOWN]))]


def groups_of(keys: list[str]) -> list[tuple[int, ...]]:
    """Rows that share a key, where there are at least two."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        rows[key].append(row)
    return [tuple(group) for group in rows.values() if len(group) > 1]
