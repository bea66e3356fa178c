"""Which items of TRIPOD+AI and CLAIM this report answers, and which the authors must still answer themselves.

References: Collins et al., BMJ 385 (2024) e078378 (TRIPOD+AI); Mongan et al., Radiology: Artificial Intelligence 2
(2020) e200029 (CLAIM, whose item numbers are used).
"""

from __future__ import annotations

from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.tables import Table

_ANSWERED = (
    ("12a", "20, 21", "how data were divided", "How these figures were obtained"),
    ("12a", "22", "level at which the parts are disjoint", "patient; asserted when the parts were made"),
    ("12c", "23, 25, 26", "model and training", "To repeat it: configuration"),
    ("12e", "28", "measures of performance", "Discrimination, Decisions, Probabilities"),
    ("12e", "29", "uncertainty", "95 % intervals, over patients; method under How these figures were obtained"),
    ("14, 23a", "30", "performance in subgroups", "Subgroups"),
    ("15", "–", "output, and how thresholds were found", "Decisions: thresholds from validation ROIs"),
    ("18f", "24", "software and code", "To repeat it: environment and command"),
    ("20a, 21", "33", "patients and events in each analysis", "Data"),
    ("23a", "36", "performance with intervals", "Discrimination"),
    ("23b", "–", "how performance varies", "Fold by fold; Subgroups"),
    ("–", "31", "explanation", "ROIs to look at: heat maps"),
    ("–", "37", "failures", "ROIs to look at: hardest"),
)
_FOR_THE_AUTHORS = (
    ("5, 6", "5, 7, 8", "source of the radiographs, setting, dates, eligibility"),
    ("8", "14 to 18", "reference standard: who read the ROIs, how often, how they agreed"),
    ("10", "19", "why this many patients"),
    ("16", "32", "how these patients differ from those the model is meant for; external data"),
    ("17", "–", "ethical approval"),
    ("20b", "34", "age, sex, exposure and other characteristics"),
    ("25 to 27", "38, 39", "interpretation, limits, use in practice"),
)


def checklist_table(run: ReportInput) -> Table:
    """Items, what they ask, where the answer is; "not given" where this run had no data for it."""
    missing = {
        "Subgroups": not run.metrics["subgroups"],
        "Decisions: thresholds": run.validation is None,
        "ROIs to look at": not run.examples,
        "To repeat it: configuration": not run.config_yaml,
        "To repeat it: environment": not run.environment,
    }
    rows = [(*item, "not given" if any(where.startswith(k) and v for k, v in missing.items()) else where)
            for *item, where in _ANSWERED]  # fmt: skip
    rows += [(*item, "for the authors to write") for item in _FOR_THE_AUTHORS]
    header = ("TRIPOD+AI", "CLAIM", "asks for", "answer")
    note = "Item numbers of TRIPOD+AI (2024) and CLAIM (2020)."
    return Table("checklist", "Reporting checklists", header, tuple(tuple(row) for row in rows), note)
