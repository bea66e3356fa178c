"""Fenced blocks of a Markdown text, in order, for tests that run a document as it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK = re.compile(
    r"(?:<!-- (?P<note>[^>]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
NOT_RUN = "not run: "


@dataclass(frozen=True)
class Fenced:
    """One block.

    Args:
        language: after the opening fence; empty for commands of a shell.
        note: the HTML comment on the line above, such as `not run: needs Docker`.
        line: of the opening fence, from 1.
    """

    language: str
    text: str
    note: str
    line: int

    @property
    def not_run(self) -> str:
        """Why the block is not run; empty: it is."""
        return self.note.removeprefix(NOT_RUN) if self.note.startswith(NOT_RUN) else ""


def fenced_blocks(text: str) -> list[Fenced]:
    """All blocks of a Markdown text, in order."""
    return [
        Fenced(
            found["language"],
            found["text"],
            (found["note"] or "").strip(),
            text.count("\n", 0, found.start("language")) + 1,
        )
        for found in _BLOCK.finditer(text)
    ]
