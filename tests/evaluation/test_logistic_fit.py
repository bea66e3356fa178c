"""Coefficients, what leaving out patients changes, and signs of patients."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special

from keras_cwp.evaluation.flips import sign_flip_share
from keras_cwp.evaluation.logistic_fit import binary, coefficient, fitted, patient_sums, rarer


def test_fit_and_covariance_of_independent_rows_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    columns = np.column_stack([np.ones(300), rng.normal(size=(300, 2))])
    positive = rng.random(300) < special.expit(columns @ [0.2, 1.0, -0.5])
    fit = fitted(binary(columns, np.zeros(300), positive), np.zeros(3), np.arange(300) // 3, 100)
    assert fit is not None
    model = sm.GLM(positive.astype(float), columns, family=sm.families.Binomial()).fit()
    np.testing.assert_allclose(fit.beta, model.params, atol=1e-7)
    np.testing.assert_allclose(fit.independent, model.cov_params(), rtol=1e-5)
    kept = np.arange(300) >= 3
    without = sm.GLM(positive[kept].astype(float), columns[kept], family=sm.families.Binomial()).fit()
    np.testing.assert_allclose(fit.shifts[0], model.params - without.params, rtol=0.1, atol=2e-3)


def test_an_interval_is_never_narrower_than_that_of_independent_rows() -> None:
    """Outcomes that scatter less than chance make the clustered variance too small."""
    columns = np.ones((40, 1))
    fit = fitted(binary(columns, np.zeros(40), np.arange(40) % 2 == 0), np.zeros(1), np.arange(40) // 2, 20)
    assert fit is not None
    assert np.allclose(fit.shifts, 0)
    assert fit.half(np.ones((1, 1)))[0] == pytest.approx(2.093 / np.sqrt(40 / 4), rel=1e-3)


def test_no_fit_few_patients_and_sums() -> None:
    apart = np.arange(20) < 10
    columns = np.column_stack([np.ones(20), np.where(apart, 1.0, -1.0)])
    assert fitted(binary(columns, np.zeros(20), apart), np.zeros(2), np.arange(20), 20) is None
    assert coefficient(None, 0, 5, "why")["reason"] == "why"
    fit = fitted(binary(columns[:, :1], np.zeros(20), apart), np.zeros(1), np.arange(20) % 2, 2)
    assert coefficient(fit, 0, 1, "why")["ci95"] is None
    rows = np.arange(24.0).reshape(4, 2, 3)
    np.testing.assert_array_equal(patient_sums(rows, np.array([1, 0, 1, 1]), 3)[1], rows[[0, 2, 3]].sum(axis=0))
    assert rarer(apart, np.arange(20) // 5) == 2


def test_signs_of_patients() -> None:
    assert sign_flip_share(np.ones((30, 1))) < 0.002
    assert sign_flip_share(np.where(np.arange(30) % 2, 1.0, -1.0)[:, None]) == 1.0
