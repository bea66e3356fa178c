from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import special
from sklearn.isotonic import IsotonicRegression

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.calibration import (
    apply_isotonic,
    apply_temperature,
    calibration_figures,
    fit_temperature,
    recalibrate,
)
from keras_cwp.evaluation.calibration_error import calibration_error, calibration_test, expected_calibration_error


def test_temperature_is_found_again() -> None:
    """Labels drawn from known probabilities; the model doubled its logits."""
    rng = np.random.default_rng(0)
    honest = 0.94 * rng.dirichlet(np.ones(3), 20_000) + 0.02
    labels = (rng.random((len(honest), 1)) > honest.cumsum(axis=1)).sum(axis=1)
    sharpened = honest**2 / (honest**2).sum(axis=1, keepdims=True)
    assert fit_temperature(labels, sharpened) == pytest.approx(2, rel=0.03)
    np.testing.assert_allclose(apply_temperature(sharpened, 2.0), honest, atol=1e-4)


def test_a_few_validation_rois_that_are_all_right_do_not_make_the_model_certain() -> None:
    labels = np.repeat([0, 1, 2], 10)
    right = np.full((30, 3), 0.15)
    right[np.arange(30), labels] = 0.7
    temperature = fit_temperature(labels, right)
    # the mean probability of the label is Platt's share of thirty rows and three classes
    surest = apply_temperature(right, temperature)[np.arange(30), labels]
    np.testing.assert_allclose(surest, 31 / 33, atol=1e-3)
    assert 0.3 < temperature < 1


def test_isotonic_is_scikit_learns_before_the_rows_are_normed() -> None:
    rng = np.random.default_rng(1)
    fitted = np.round(rng.dirichlet(np.ones(2), 200), 2)
    fitted[:, 1] = 1 - fitted[:, 0]
    labels = (rng.random(200) < fitted[:, 1] ** 2).astype(int)
    new = np.array([[0.9, 0.1], [0.5, 0.5], [0.333, 0.667]])
    columns = [
        IsotonicRegression(out_of_bounds="clip").fit(fitted[:, c], labels == c).predict(new[:, c]) for c in range(2)
    ]
    expected = np.clip(np.stack(columns, axis=1), 1 / 202, 201 / 202)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(apply_isotonic(labels, fitted, new), expected, atol=1e-9)


def test_each_fold_is_recalibrated_by_its_own_validation(make_scores) -> None:
    scores = make_scores(folds=2, patients=80)
    validation = replace(scores, fold=1 - scores.fold)
    found, temperatures = recalibrate(scores, validation, "temperature")
    for fold in (0, 1):
        own = validation.fold == fold
        expected = fit_temperature(validation.label[own], validation.probabilities[own])
        assert temperatures[str(fold)] == pytest.approx(expected)
        rows = scores.fold == fold
        np.testing.assert_allclose(
            found.probabilities[rows], apply_temperature(scores.probabilities[rows], expected), atol=1e-12
        )


def test_overconfident_scores_improve_on_held_out_rows(make_scores) -> None:
    scores = make_scores(folds=2, patients=120)
    sharp = replace(scores, probabilities=apply_temperature(scores.probabilities, 0.3))
    found = calibration_figures(sharp, replace(sharp, fold=1 - sharp.fold), EvaluateConfig(bootstraps=100), 0)
    assert found["temperature"]["log_loss"]["value"] < found["as_is"]["log_loss"]["value"]
    assert found["temperature"]["ece"]["value"] < found["as_is"]["ece"]["value"]
    assert "reason" in calibration_figures(sharp, None, EvaluateConfig(bootstraps=100), 0)


def test_an_overconfident_models_temperature_is_not_cut_off() -> None:
    """Logits twenty times too large: many probabilities are far below 1e-7, and the temperature is still found."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3)) * 1.5
    labels = (rng.random((4000, 1)) > special.softmax(logits, axis=1).cumsum(axis=1)).sum(axis=1)
    sharp = special.softmax(20.9 * logits, axis=1)
    assert (sharp < 1e-7).mean() > 0.5
    assert fit_temperature(labels, sharp) == pytest.approx(20.9, rel=0.06)


def test_debiased_error_is_zero_on_average_for_a_calibrated_model_and_finds_a_gap() -> None:
    """Squares average to the squared gap: 0 for honest probabilities, .15 squared for probabilities off by .15."""
    for gap in (0.0, 0.15):
        squares, plain = [], []
        for seed in range(150):
            rng = np.random.default_rng(seed)
            confidence = rng.uniform(0.6, 0.85, size=120)
            labels = (rng.random(120) > confidence - gap).astype(int)
            probabilities = np.stack([confidence, 1 - confidence], axis=1)
            squares.append(calibration_error(labels, probabilities, np.arange(120), 10)["value"] ** 2)
            plain.append(expected_calibration_error(labels, probabilities, 10))
        assert np.mean(plain) > gap + (0.04 if gap == 0 else 0)
        assert np.mean(squares) == pytest.approx(gap**2, abs=0.004)


def test_calibration_test_by_patterns_drawn_anew() -> None:
    rng = np.random.default_rng(2)
    patient = np.repeat(np.arange(24), 3)
    probabilities = rng.dirichlet([3, 1], 72)
    labels = rng.integers(2, size=72)
    gap = probabilities.max(axis=1) - (probabilities.argmax(axis=1) == labels)
    bins = np.minimum((probabilities.max(axis=1) * 5).astype(int), 4)

    def size(signs: np.ndarray) -> float:
        own = gap * signs[patient]
        return sum(own[bins == b].sum() ** 2 / (bins == b).sum() for b in np.unique(bins))

    drawn = [size(rng.choice([-1, 1], size=24)) for _ in range(2000)]
    expected = np.mean(np.array(drawn) >= size(np.ones(24)) - 1e-9)
    assert calibration_test(labels, probabilities, patient, 5)["p"] == pytest.approx(expected, abs=0.03)
    assert calibration_test(labels[:57], probabilities[:57], patient[:57], 5)["reason"] == "needs 20 patients"
