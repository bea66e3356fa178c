from __future__ import annotations

from dataclasses import replace

import numpy as np

from keras_cwp.evaluation.abstention import ANSWERED, abstention_curve
from keras_cwp.scores import Scores


def test_error_among_the_most_confident(scores: Scores) -> None:
    rows = abstention_curve(scores)
    wrong = scores.probabilities.argmax(axis=1) != scores.label
    order = np.argsort(-scores.probabilities.max(axis=1))
    for share, row in zip(ANSWERED, rows, strict=True):
        some = order[: int(np.ceil(share * len(scores)))]
        assert row["rois"] == len(some)
        assert row["error"]["value"] == np.mean(wrong[some])
        assert row["error"]["ci95"][0] <= row["error"]["value"] <= row["error"]["ci95"][1]
    assert rows[0]["answered"] == 1


def test_equal_confidence_is_answered_together(scores: Scores) -> None:
    flat = replace(scores, probabilities=np.full(scores.probabilities.shape, 1 / 3))
    assert {row["answered"] for row in abstention_curve(flat)} == {1.0}
