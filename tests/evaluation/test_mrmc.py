"""Obuchowski-Rockette: a published example, a slow second implementation of the covariances, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.estimates import area_of, proportion_of
from keras_cwp.evaluation.mrmc import across_readers, between_modalities, covariances

# Van Dyke et al. (1993): five readers, spin-echo and cine MRI, 45 patients with aortic dissection and 69 without. The
# figures are those that Chakraborty prints for it (RJafrocBook, "Obuchowski Rockette Applications", dataset02).
AREAS = np.array([[0.9196, 0.8588, 0.9039, 0.9731, 0.8298], [0.9478, 0.9053, 0.9217, 0.9994, 0.9300]])
COV2, COV3 = 3.4407483e-4, 2.3902837e-4
COV2_OF_EACH = (4.840e-4, 2.042e-4)


def van_dyke() -> np.ndarray:
    covariance = np.full((2, 5, 2, 5), COV3)
    for modality in (0, 1):
        covariance[modality, :, modality, :] = COV2
    return covariance


def test_two_modalities_of_van_dyke() -> None:
    found = between_modalities(AREAS, van_dyke())
    assert found.value == pytest.approx(-0.0438, abs=5e-5)
    assert found.between == pytest.approx(5.510e-4, rel=2e-3)
    assert (found.value / found.error) ** 2 == pytest.approx(4.456, rel=2e-3)
    assert found.freedom == pytest.approx(15.26, abs=0.03)
    assert found.p() == pytest.approx(0.05167, abs=1e-4)
    assert found.limits() == pytest.approx((-0.0879595, 0.0003589), abs=5e-5)


@pytest.mark.parametrize(
    ("modality", "value", "error", "freedom", "limits"),
    [(0, 0.8970, 0.03317, 12.74, (0.8252, 0.9689)), (1, 0.9408, 0.02157, 12.71, (0.8941, 0.9875))],
)
def test_each_modality_of_van_dyke(modality, value, error, freedom, limits) -> None:
    found = across_readers(AREAS[modality], np.full((5, 5), COV2_OF_EACH[modality]))
    assert found.value == pytest.approx(value, abs=5e-5)
    assert found.error == pytest.approx(error, abs=1e-5)
    assert found.freedom == pytest.approx(freedom, abs=0.02)
    assert found.limits() == pytest.approx(limits, abs=1e-4)


def test_differences_of_each_reader_give_the_same_as_two_modalities() -> None:
    """Hillis: with two modalities both ways are one analysis."""
    flat = van_dyke().reshape(10, 10)
    minus = np.hstack([np.eye(5), -np.eye(5)])
    of_each = across_readers(AREAS[0] - AREAS[1], minus @ flat @ minus.T)
    together = between_modalities(AREAS, van_dyke())
    assert of_each.error == pytest.approx(together.error, rel=1e-12)
    assert of_each.freedom == pytest.approx(together.freedom, rel=1e-12)


def test_covariances_of_independent_cases_are_delongs() -> None:
    """DeLong et al. (1988): covariance of placements over positives and over negatives, each by its number."""
    rng = np.random.default_rng(4)
    positive = rng.random(50) < 0.4
    scores = rng.normal(size=(3, 50)).round(1) + positive
    found = covariances([area_of(positive, own, np.arange(50), 50) for own in scores])
    above = (scores[:, positive, None] > scores[:, None, ~positive]) + 0.5 * (
        scores[:, positive, None] == scores[:, None, ~positive]
    )
    of_hits, of_rest = np.cov(above.mean(axis=2)), np.cov(above.mean(axis=1))
    np.testing.assert_allclose(found, of_hits / positive.sum() + of_rest / (~positive).sum(), rtol=1e-9)


def test_rows_of_a_patient_count_as_one() -> None:
    """Doubled rows of the same patients change nothing."""
    rng = np.random.default_rng(5)
    right = rng.random((2, 40)) < 0.7
    once = covariances([proportion_of(own, np.arange(40), 40) for own in right])
    twice = covariances([proportion_of(np.repeat(own, 2), np.repeat(np.arange(40), 2), 40) for own in right])
    np.testing.assert_allclose(once, twice, rtol=1e-9)
    np.testing.assert_allclose(once, np.cov(right) / 40, rtol=1e-9)


def test_readers_who_do_not_differ_leave_the_cases_to_vary() -> None:
    found = across_readers(np.array([0.1, 0.1, 0.1]), np.full((3, 3), 0.0025))
    assert (found.error, found.freedom) == (pytest.approx(0.05), np.inf)
    assert found.p() == pytest.approx(0.0455, abs=1e-4)
    nothing = across_readers(np.zeros(3), np.zeros((3, 3)))
    assert (nothing.limits(), nothing.p()) == (None, None)


def test_what_is_refused() -> None:
    with pytest.raises(ScoresError, match="1 cannot stand for other readers"):
        across_readers(np.array([0.5]), np.zeros((1, 1)))
    with pytest.raises(ScoresError, match="expected 2 modalities"):
        between_modalities(np.zeros((3, 2)), np.zeros((3, 2, 3, 2)))
    with pytest.raises(ScoresError, match="rests on one patient"):
        covariances([proportion_of(np.array([True, False]), np.zeros(2, int), 1)])
