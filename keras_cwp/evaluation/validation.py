"""Which validation rows may decide something about which held-out rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_cwp.errors import ScoresError
from keras_cwp.scores import UNKNOWN_LABEL, Scores

NO_VALIDATION = "no validation scores were given, and a threshold must not come from the ROIs it is judged on"


def paired_folds(scores: Scores, validation: Scores) -> Iterator[tuple[int | None, np.ndarray, Scores]]:
    """Held-out rows with the validation rows of the models that scored them.

    Args:
        scores: held-out rows.
        validation: with the same fold numbers; its rows without a label are left out.

    Yields:
        (fold, bool [rows] of `scores`, validation rows of that fold); once, as (None, all, all), where the validation
        rows do not cover the folds (a model's scores of another data set).

    Raises:
        ScoresError: other classes, or a held-out patient among the validation rows of its own fold.
    """
    if validation.classes != scores.classes:
        raise ScoresError(f"validation scores have classes {validation.classes}, held-out ones {scores.classes}")
    validation = validation.take(validation.label != UNKNOWN_LABEL)
    folds = np.unique(scores.fold)
    if not set(folds.tolist()) <= set(validation.fold.tolist()):
        _assert_apart(scores, validation)
        yield None, np.ones(len(scores), dtype=bool), validation
        return
    for fold in folds:
        rows, own = scores.fold == fold, validation.take(validation.fold == fold)
        _assert_apart(scores.take(rows), own)
        yield int(fold), rows, own


def _assert_apart(scores: Scores, validation: Scores) -> None:
    shared = np.intersect1d(scores.patient_id, validation.patient_id)
    if len(shared):
        raise ScoresError(
            f"patient {shared[0]} stands in the held-out and in the validation scores of one fold ({len(shared)} such "
            "patients); a threshold chosen there would flatter the figures"
        )
