"""Scores as a pandas table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from keras_cwp.scores import Scores


def scores_table(scores: Scores) -> pd.DataFrame:
    """A Scores table as a DataFrame, with the likeliest class as `predicted`."""
    import pandas as pd

    names = ["" if label < 0 else scores.classes[label] for label in scores.label.tolist()]
    likeliest = [scores.classes[index] for index in scores.probabilities.argmax(axis=1).tolist()]
    table = pd.DataFrame(
        {
            "roi_id": scores.roi_id,
            "patient_id": scores.patient_id,
            "image": scores.image,
            "fold": scores.fold,
            "label": names,
            "predicted": likeliest,
        }
    )
    for index, name in enumerate(scores.classes):
        table[f"prob_{name}"] = scores.probabilities[:, index]
    return table
