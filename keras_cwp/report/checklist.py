"""Which items of TRIPOD+AI and CLAIM this report answers, and which the authors must answer themselves.

References: Collins et al., BMJ 385 (2024) e078378 (TRIPOD+AI); Tejani et al., Radiology: Artificial Intelligence 6
(2024) e240300 (CLAIM 2024 Update, whose item numbers are used; what an item asks for is said in our own words).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from keras_cwp.report.page import Section
from keras_cwp.report.tables import Link, Table

Source = TypeVar("Source")
_FOR_THE_AUTHORS = (
    ("5, 6", "5, 7, 8", "source of the radiographs, setting, dates, eligibility"),
    ("8", "14 to 18", "reference standard: who read the ROIs, how often, and how well readers agreed"),
    ("10", "21", "why this number of patients"),
    ("16", "–", "differences in setting, eligibility and outcome to the patients the model is meant for"),
    ("17", "–", "ethical approval"),
    ("20b", "36", "age, sex, exposure and other characteristics"),
    ("25 to 27", "40, 41", "interpretation, limits, use in practice"),
)


def checklist_table(sections: Sequence[Section[Source]], source: Source) -> Table:
    """A row an item: what it asks for, and a link to the section of this page that answers it.

    An item whose section this page does not have is answered "not given: this run has no data for it".
    """
    rows: list[tuple[str, ...]] = []
    for section in sections:
        there = section.condition(source)
        answer = Link(section.title, section.anchor) if there else "not given: this run has no data for it"
        rows += [(*item, answer) for item in section.answers]
    rows += [(*item, "for the authors to write") for item in _FOR_THE_AUTHORS]
    header = ("TRIPOD+AI", "CLAIM", "asks for", "answer")
    note = "Item numbers of TRIPOD+AI (2024) and CLAIM (2024 update)."
    return Table("checklist", "Reporting checklists", header, tuple(rows), note)
