from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.conformal import conformal_figures, conformal_sets, conformal_thresholds, set_coverage
from keras_cwp.scores import concatenate


def test_thresholds_by_hand_each_patient_weighs_the_same(make_scores) -> None:
    """Nineteen patients with one ROI: with coverage .9 one may fall out (2 of 20, and the new one is the other)."""
    base = make_scores(patients=60)
    first = np.unique(base.patient_id, return_index=True)[1][:19]
    scores = replace(base.take(first), label=np.zeros(19, dtype=int))
    lowest = np.sort(scores.probabilities[:, 0])
    assert conformal_thresholds(scores, 0.9)["normal"] == pytest.approx(lowest[1])
    assert conformal_thresholds(scores, 0.96)["normal"] == 0
    parts = [replace(scores, roi_id=np.char.add(scores.roi_id, str(copy))) for copy in range(3)]
    copies = concatenate(parts)
    assert conformal_thresholds(copies, 0.9)["normal"] == pytest.approx(lowest[1])
    assert conformal_thresholds(scores, 0.9)["large_opacity"] == 0


def test_coverage_of_new_patients_is_as_promised(make_scores) -> None:
    """Mean over studies of 90 patients: 90 % ± 2 % of each class, for ROIs of patients never seen."""
    new = make_scores(patients=3000, seed=77, folds=1)
    covered = []
    for seed in range(60):
        thresholds = conformal_thresholds(make_scores(patients=90, seed=seed, folds=1), 0.9)
        sets = conformal_sets(new.probabilities, new.classes, thresholds)
        covered.append([own["covered"] for own in set_coverage(new, sets).values()])
    np.testing.assert_allclose(np.mean(covered, axis=0), 0.9, atol=0.02)


def test_folds_judge_each_other_and_one_fold_is_not_judged(make_scores) -> None:
    found = conformal_figures(make_scores(patients=150), 0.9)
    for own in found["judged"].values():
        assert 0.8 < own["covered"] <= 1
        assert 0 < own["size"] <= 3
    assert conformal_figures(make_scores(folds=1), 0.9)["judged"] is None
    with pytest.raises(ScoresError, match="coverage of conformal sets: got 90"):
        conformal_thresholds(make_scores(), 90)
