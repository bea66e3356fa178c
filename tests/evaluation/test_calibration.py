from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.calibration import (
    apply_isotonic,
    apply_temperature,
    calibration_figures,
    fit_temperature,
    recalibrate,
)


def test_temperature_is_found_again() -> None:
    """Labels drawn from known probabilities; the model doubled its logits."""
    rng = np.random.default_rng(0)
    honest = 0.94 * rng.dirichlet(np.ones(3), 20_000) + 0.02
    labels = (rng.random((len(honest), 1)) > honest.cumsum(axis=1)).sum(axis=1)
    sharpened = honest**2 / (honest**2).sum(axis=1, keepdims=True)
    assert fit_temperature(labels, sharpened) == pytest.approx(2, rel=0.03)
    np.testing.assert_allclose(apply_temperature(sharpened, 2.0), honest, atol=1e-4)


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
