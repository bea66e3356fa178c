"""One run of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keras_cwp.report.training_plots import History
from keras_cwp.scores import Scores


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """One run of a comparison.

    Args:
        name: heading of its row; unique.
        scores: its held-out ROIs.
        arch: name of the architecture.
        parameters, macs: of one network; None where they are not known.
        history: a row an epoch, with `seconds`.
        settings: its configuration as a tree.
    """

    name: str
    scores: Scores
    arch: str = ""
    parameters: int | None = None
    macs: int | None = None
    history: History = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
