"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from keras_cwp.evaluation.bands import Band, roc_bands
from keras_cwp.evaluation.metrics import labelled
from keras_cwp.evaluation.staging import Staged
from keras_cwp.report.cases import Cases
from keras_cwp.report.examples import Example
from keras_cwp.report.tables import Table
from keras_cwp.scores import Scores

BAND_RESAMPLES = 500  # pointwise bands settle sooner than the limits of a single metric


@dataclass(frozen=True, eq=False)
class ReportInput:
    """What a report is made of. Only the first four are needed; a section without data is left out.

    Args:
        title: heading, for example the name of the run.
        scores: the held-out ROIs that the metrics are of.
        metrics: what `evaluation.metrics.evaluate` returned for them.
        how: how the metrics were obtained, in plain sentences: which ROIs were held out from which model.
        validation: validation scores, from which thresholds and calibration were chosen.
        history: a row an epoch, with `fold` where there are several.
        kept_epochs: fold → epoch whose weights the model has; see `training_plots.draw_training`.
        config_yaml: the resolved configuration.
        environment: versions, machine, commit, as environment.json has them.
        command: the command line that repeats the run.
        examples: ROIs with heat maps.
        cases: the held-out ROIs to look through; None: the page has no viewer.
        staged: patients with their stages; None: the page has no table of them.
        flow: rows of the participant flow (`flow.participant_flow`).
        other_data: the training data beside another data set that is judged; None: the run's own held-out ROIs are.
        facts: name → value in the first lines of the page: model, data set, sizes, date.
    """

    title: str
    scores: Scores
    metrics: Mapping[str, Any]
    how: str
    validation: Scores | None = None
    history: Sequence[Mapping[str, Any]] = ()
    kept_epochs: Mapping[str, int] = field(default_factory=dict)
    config_yaml: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    examples: Sequence[Example] = ()
    cases: Cases | None = None
    staged: Staged | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    flow: Sequence[tuple[str, ...]] = ()
    other_data: Table | None = None

    @cached_property
    def known(self) -> Scores:
        """The rows with a label.

        Raises:
            ScoresError: there is none.
        """
        return labelled(self.scores)

    @cached_property
    def bands(self) -> dict[str, Band]:
        """ROC curves with their bands, by class, `macro` and `micro`."""
        return roc_bands(self.known, BAND_RESAMPLES, self.metrics["intervals"]["seed"])
