"""What several readers said of scored ROIs, and the truth that a reader may be judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_cwp.errors import ScoresError
from keras_cwp.scores import UNKNOWN_LABEL


@dataclass(frozen=True, eq=False)
class Readings:
    """Labels of readers for the rows of a Scores table.

    Args:
        names: of the readers.
        labels: int [rows, readers], index into the classes; UNKNOWN_LABEL where a reader has not read the ROI.
        ratings: float [rows, readers], how sure a reader is that the ROI shows disease, on any scale; NaN where none.
        reference: what the scores' own labels are, such as CT; None: the label that most of these readers gave.

    Raises:
        ScoresError: shapes that disagree.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    ratings: np.ndarray
    reference: str | None = None

    def __post_init__(self) -> None:
        if self.labels.ndim != 2 or self.labels.shape[1] != len(self.names) or self.ratings.shape != self.labels.shape:
            raise ScoresError(
                f"readings: labels have shape {self.labels.shape} and ratings {self.ratings.shape}, expected rows and "
                f"{len(self.names)} readers"
            )

    def take(self, rows: np.ndarray) -> Readings:
        """The rows selected by an index or a boolean mask."""
        return Readings(self.names, self.labels[rows], self.ratings[rows], self.reference)

    def truth_for(self, reader: int, own: np.ndarray) -> np.ndarray:
        """int [rows]: the label to judge a reader, and the model beside this reader, by; UNKNOWN_LABEL for none.

        Without a reference it is what most of the other readers gave: a reader who has a voice in the truth would be
        right too often.

        Args:
            own: int [rows], labels of the scores.
        """
        if self.reference is not None:
            return own
        others = np.delete(self.labels, reader, axis=1)
        classes = int(max(self.labels.max(initial=0), own.max(initial=0))) + 1
        counts = (others[:, :, None] == np.arange(classes)).sum(axis=1)
        most = counts.max(axis=1)
        sole = (counts == most[:, None]).sum(axis=1) == 1
        return np.where((most > 0) & sole, counts.argmax(axis=1), UNKNOWN_LABEL)
