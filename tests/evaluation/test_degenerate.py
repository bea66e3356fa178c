from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.estimates import Estimate, area_of, mean_estimate, proportion_of
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.ranking import macro_estimate
from keras_cwp.evaluation.score_interval import clustered_proportion, newcombe_auc, score_limits, wilson


def hanley_mcneil_variance(area: float, positives: int, negatives: int) -> float:
    """Radiology 143 (1982) 29-36: Q1 = A / (2 - A), Q2 = 2 A^2 / (1 + A)."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return spread / (positives * negatives)


@pytest.mark.parametrize("area", [0.5, 0.73, 0.95, 1.0])
def test_limits_are_1_96_of_their_own_standard_errors_away(area: float) -> None:
    """With equal sizes the averaged variance is Hanley and McNeil's."""
    for limit in newcombe_auc(area, 40, 40):
        if 0 < limit < 1:
            assert abs(area - limit) == pytest.approx(
                1.959964 * np.sqrt(hanley_mcneil_variance(limit, 40, 40)), rel=1e-5
            )


def test_more_patients_narrower_and_mirrored() -> None:
    few, many = newcombe_auc(1.0, 5, 5), newcombe_auc(1.0, 100, 100)
    assert few[0] < 0.75 < 0.95 < many[0] < 1
    assert few[1] == 1
    np.testing.assert_allclose(newcombe_auc(0.0, 5, 5), [0, 1 - few[0]])


def test_wilson_by_the_published_example() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857-872, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for successes, trials, limits in (
        (81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718)),
    ):  # fmt: skip
        np.testing.assert_allclose(wilson(successes, trials), limits, atol=5e-5)


def test_alike_rows_count_as_fewer() -> None:
    """Rows of a patient that say the same are worth one; independent rows, for many patients, Wilson's own."""
    success = np.repeat([True, False, True, True, False, True, True, False], 50)
    alone = clustered_proportion(success, np.arange(400))
    alike = clustered_proportion(success, np.repeat(np.arange(8), 50))
    np.testing.assert_allclose(alone, wilson(250, 400), atol=0.002)
    assert np.ptp(alike) > 4 * np.ptp(alone)
    np.testing.assert_allclose(alike, clustered_proportion(success[::50], np.arange(8)), atol=1e-12)


def test_all_right_counts_patients() -> None:
    np.testing.assert_allclose(
        clustered_proportion(np.ones(30, dtype=bool), np.repeat([0, 1, 2], 10)), wilson(3, 3), atol=1e-9
    )
    assert clustered_proportion(np.ones(0, dtype=bool), np.ones(0)) is None


def test_the_interval_meets_itself_at_an_auc_of_one() -> None:
    """One swapped pair of ROIs among many moves the limits a little; it once moved them from .85 to .997."""
    patient = np.repeat(np.arange(30), 3)
    positive, score = patient < 15, np.where(patient < 15, 2.0, 0.0) + np.arange(90) / 1000
    swapped = score.copy()
    swapped[0], swapped[89] = score[89], score[0]
    limits = [score_limits(area_of(positive, own, patient, 30)) for own in (score, swapped)]
    np.testing.assert_allclose(limits[0], newcombe_auc(1.0, 15, 15), atol=1e-9)
    assert abs(limits[0][0] - limits[1][0]) < 0.002
    errors = [proportion_of(np.arange(90) >= wrong, patient, 30) for wrong in (0, 1)]
    lower = [score_limits(own)[0] for own in errors]
    assert abs(lower[0] - lower[1]) < 0.03


def test_a_perfect_model_has_an_interval_of_every_metric(scores) -> None:
    perfect = replace(scores, probabilities=np.eye(3)[scores.label] * 0.8 + 0.2 / 3)
    found = evaluate(perfect, EvaluateConfig(bootstraps=100), 0, order=scores.classes)
    patients = [len(np.unique(perfect.patient_id[rows])) for rows in (perfect.label == 0, perfect.label != 0)]
    np.testing.assert_allclose(found["auc"]["per_class"]["normal"]["ci95"], newcombe_auc(1.0, *patients), atol=1e-9)
    everywhere = [
        *(found["auc"][key] for key in ("macro", "micro", "hand_till")),
        *(found["average_precision"][key] for key in ("macro", "micro")),
        *(found[key] for key in ("accuracy", "balanced_accuracy", "mcc")),
        *(found["kappa"][key] for key in ("unweighted", "linear", "quadratic")),
        found["f1"]["macro"],
        *found["f1"]["per_class"].values(),
        *found["average_precision"]["per_class"].values(),
        *(found["patient_level"]["auc"][key] for key in ("macro", "micro")),
        found["patient_level"]["average_precision"]["macro"],
        found["folds"]["mean"]["auc"]["macro"],
    ]
    for own in everywhere:
        assert own["value"] == pytest.approx(1)
        assert 0.6 < own["ci95"][0] < 0.999
        assert own["ci95"][1] == pytest.approx(1)


@pytest.mark.parametrize("score", [np.arange(40) + 0.0, np.r_[np.arange(19), 25, 20, np.arange(30, 49)] + 0.0])
def test_the_mean_of_two_classes_aucs_is_known_no_better_than_one_of_them(score: np.ndarray) -> None:
    """With two classes both AUCs are the same figure; taken for independent they gave an interval too narrow."""
    positive, patient = np.arange(40) >= 20, np.arange(40)
    one, other = area_of(positive, score, patient, 40), area_of(~positive, -score, patient, 40)
    both = mean_estimate([one, other])
    assert both.value == one.value
    np.testing.assert_allclose(score_limits(both), score_limits(one), rtol=1e-6)


def test_the_intervals_of_a_mean_of_aucs_hold_the_truth_with_one_roi_a_patient() -> None:
    """Skewed scores, 40 patients: .83 of the intervals held the truth when the AUCs counted as independent."""
    shares, separation = (0.6, 0.25, 0.15), 1.6

    def macro(rng: np.random.Generator, patients: int) -> Estimate | None:
        label = rng.choice(3, patients, p=shares)
        scale = np.array([0.7, 1.0, 1.6])[label][:, None]
        logits = separation * np.eye(3)[label] + scale * (rng.gamma(50, 1, (patients, 3)) - 50) / 50**0.5
        return macro_estimate(label, special.softmax(logits, axis=1), np.arange(patients), patients)

    truth = macro(np.random.default_rng(1), 20_000).value
    held = []
    for number in range(150):
        estimate = macro(np.random.default_rng([2, number]), 40)
        if estimate is not None and len(estimate.cases) == 3 and (limits := score_limits(estimate)):
            held.append(limits[0] <= truth <= limits[1])
    assert len(held) > 100
    assert np.mean(held) > 0.9
