"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras_cwp.report.examples import Example
from keras_cwp.scores import Scores


@dataclass(frozen=True, eq=False)
class ReportInput:
    """What a report is made of. Only the first four are needed; a section without data is left out.

    Args:
        title: heading, for example the run's name.
        scores: the held-out ROIs that the figures are of.
        metrics: what `evaluation.figures.evaluate` returned for them.
        how: how the figures were obtained, in plain sentences: which ROIs were held out from which model.
        validation: validation scores, the ones that thresholds and calibration were chosen on.
        history: a row an epoch, with `fold` where there are several.
        config_yaml: the resolved configuration.
        environment: versions, machine, commit.
        command: the command line that repeats the run.
        cohort: extra groups for the cohort table: group, patients, images, ROIs (the training part, for example).
        examples: ROIs with heat maps.
    """

    title: str
    scores: Scores
    metrics: Mapping[str, Any]
    how: str
    validation: Scores | None = None
    history: Sequence[Mapping[str, Any]] = ()
    config_yaml: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    cohort: Sequence[tuple[str, int, int, int]] = ()
    examples: Sequence[Example] = ()
