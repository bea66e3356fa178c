"""Scored regions: as a table, and as a CSV file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_cwp.api.tables import scores_table
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.prediction.parquet import is_parquet
from keras_cwp.scores import Scores

if TYPE_CHECKING:
    import pandas as pd

    from keras_cwp.prediction.decided import Sets

PathLike = Path | str


@dataclass(frozen=True, eq=False)
class Predictions:
    """Scored regions.

    Args:
        regions: that were asked for.
        scores: of those that could be scored, under the caller's own names.
        lost: how many were left out.
        identity: names the model, for reports.
        engine: what computed them.
        thresholds: by class, of the run's validation part; empty where they are not known.
        sets: which classes belong to the set of a region, see `prediction.decided.Sets`; empty where not known.
        distance: float64 [regions], of each from the training data, above 1 where it is unlike them; None: not known.
    """

    regions: list[Roi]
    scores: Scores
    lost: int
    identity: str
    engine: str
    thresholds: Mapping[str, float] = field(default_factory=dict)
    sets: Sets = field(default_factory=dict)
    distance: np.ndarray | None = None

    def write(self, path: PathLike) -> None:
        """Write the table as Parquet where the name ends in .parquet, else as CSV."""
        self.to_parquet(path) if is_parquet(path) else self.to_csv(path)

    def to_parquet(self, path: PathLike) -> None:
        """Write the table of `to_csv` as Parquet, with numbers as numbers; it appears whole or not at all.

        Raises:
            CwpError: PyArrow is not installed, or the disk refuses.
        """
        from keras_cwp.prediction.parquet import write_parquet

        write_parquet(path, self.scores, self.thresholds, self.sets, self.distance)

    def to_csv(self, path: PathLike) -> None:
        """Write the table of `prediction.decided`; the file appears whole or not at all."""
        from keras_cwp.prediction.decided import write_decided

        write_decided(path, self.scores, self.thresholds, self.sets, self.distance)

    @property
    def table(self) -> pd.DataFrame:
        """A row a region that was scored: roi_id, image, x, y, width, height, predicted, probability, prob_CLASS …

        Where thresholds are known, above_threshold after probability has the classes that reach theirs; set, distance
        and unlike follow where the run holds what they need (`prediction.decided.write_decided`).
        """
        boxes = {(roi.roi_id, roi.image): roi.box for roi in self.regions}
        table = scores_table(self.scores)
        corners = [boxes[row] or (None,) * 4 for row in zip(table["roi_id"], table["image"], strict=True)]
        columns = list(zip(*corners, strict=True)) if corners else [()] * 4
        table = table.drop(columns=["patient_id", "fold", "label"])
        for place, (name, values) in enumerate(zip(("x", "y", "width", "height"), columns, strict=True), start=2):
            table.insert(place, name, list(values))
        best = self.scores.probabilities.max(axis=1) if len(self.scores) else []
        table.insert(table.columns.get_loc("predicted") + 1, "probability", best)
        if self.thresholds:
            from keras_cwp.prediction.decided import decided

            above = decided(self.scores, self.thresholds)["above_threshold"]
            table.insert(table.columns.get_loc("probability") + 1, "above_threshold", above)
        from keras_cwp.prediction.decided import judged

        place = table.columns.get_loc("above_threshold" if self.thresholds else "probability") + 1
        for name, found in reversed(judged(self.scores, self.sets, self.distance).items()):
            table.insert(place, name, [float(each) for each in found] if name == "distance" else found)
        return table
