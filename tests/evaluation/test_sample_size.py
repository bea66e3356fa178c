from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import keras_cwp as cwp
from keras_cwp.cli.main import cli
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.delong import clustered_delong
from keras_cwp.evaluation.paired import paired_delong
from keras_cwp.evaluation.sample_size import design_ratio, patients_for_difference, patients_for_half_width
from keras_cwp.evaluation.score_interval import score_limits
from keras_cwp.scores import Scores


def draw(
    rng: np.random.Generator, patients: int, share: float, rois: int, alike: float, gains: tuple[float, ...]
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Truth, scores of each model, and patient of each ROI; two models share so much noise that AUCs correlate .5."""
    patient = np.repeat(np.arange(patients), rois)
    positive = patient < round(share * patients)

    def noise() -> np.ndarray:
        return np.sqrt(alike) * rng.normal(size=patients)[patient] + np.sqrt(1 - alike) * rng.normal(size=len(patient))

    common = COMMON if len(gains) > 1 else 0
    shared = noise()
    scores = [np.sqrt(common) * shared + np.sqrt(1 - common) * noise() + gain * positive for gain in gains]
    return positive, scores, patient


COMMON = 0.575  # share of the noise with which AUCs of .80 and .88 correlate .5 over studies


def gain_of(auc: float) -> float:
    return float(np.sqrt(2) * stats.norm.ppf(auc))


@pytest.mark.parametrize(
    ("auc", "share", "wished", "rois", "alike"),
    [
        (0.9, 0.5, 0.1, 1, 1.0),
        (0.85, 0.3, 0.05, 4, 0.3),
        (0.7, 0.05, 0.08, 2, 0.8),
        (0.99, 0.5, 0.05, 1, 1.0),
        (0.95, 0.5, 0.05, 20, 0.0),
    ],
)
def test_studies_of_that_size_have_intervals_of_that_width(
    auc: float, share: float, wished: float, rois: int, alike: float
) -> None:
    patients = patients_for_half_width(auc, share, wished, rois=rois, alike=alike)
    rng, widths = np.random.default_rng(77), []
    for _ in range(200):
        positive, (score,), patient = draw(rng, patients, share, rois, alike, (gain_of(auc),))
        widths.append(np.ptp(score_limits(clustered_delong(positive, score, patient))) / 2)
    assert np.mean(widths) == pytest.approx(wished, rel=0.05)


def test_a_study_has_two_patients_of_each_kind_at_least() -> None:
    assert patients_for_half_width(0.95, 0.05, 0.45) == 30  # of 29, one patient has the class
    assert patients_for_half_width(0.8, 0.99, 0.45) == 150


def test_many_rois_and_a_narrow_interval_take_no_memory() -> None:
    assert patients_for_half_width(0.8, 0.5, 0.005, rois=100, alike=0.5) == pytest.approx(17_000, rel=0.3)


def test_studies_of_that_size_find_the_difference_in_four_of_five() -> None:
    """400 studies have a standard error of .02; the AUCs of these correlate as stated."""
    patients = patients_for_difference(0.80, 1 / 3, 0.08, rois=3, alike=0.4, correlation=0.5)
    rng, found, areas = np.random.default_rng(7), [], []
    for _ in range(400):
        positive, scores, patient = draw(rng, patients, 1 / 3, 3, 0.4, (gain_of(0.88), gain_of(0.80)))
        names, runs = np.arange(len(patient)).astype(str), []
        for score in scores:
            share = stats.norm.cdf(score)
            both = np.stack([1 - share, share], axis=1)
            runs.append(
                Scores(("no", "yes"), names, patient.astype(str), names, 0 * patient, positive.astype(int), both)
            )
        found.append(paired_delong(*runs)["per_class"]["yes"]["p"] < 0.05)
        areas.append([clustered_delong(positive, score, patient).value for score in scores])
    assert np.corrcoef(np.transpose(areas))[0, 1] == pytest.approx(0.5, abs=0.08)
    assert np.mean(found) == pytest.approx(0.8, abs=0.05)


def test_more_rois_help_less_the_more_alike_they_are() -> None:
    assert design_ratio(1, 0.3) == 1
    assert design_ratio(4, 1) == 1
    assert design_ratio(4, 0) == 0.25
    few, many = (patients_for_half_width(0.8, 0.5, 0.05, rois=4, alike=alike) for alike in (0.2, 0.8))
    assert few < many


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(ScoresError, match=r"half_width is 5, a number between 0 and 1"):
        patients_for_half_width(0.8, 0.5, 5)
    with pytest.raises(ScoresError, match=r"more than 1,000,000 patients"):
        patients_for_half_width(0.8, 0.001, 0.0001)
    with pytest.raises(ScoresError, match=r"auc \+ difference is 1.1"):
        patients_for_difference(0.9, 0.5, 0.2)
    with pytest.raises(ScoresError, match=r"rois is 0.5"):
        patients_for_half_width(0.8, 0.5, 0.1, rois=0.5)
    with pytest.raises(ScoresError, match=r"rois is 1000000000000.0, a number from 1 to 100"):
        patients_for_half_width(0.8, 0.5, 0.1, rois=1e12)
    with pytest.raises(ScoresError, match=r"correlation is 0.999, 0 or more is wanted, up to 0\.\d+ with such AUCs"):
        patients_for_difference(0.7, 0.5, 0.25, correlation=0.999)


def test_the_command_line_and_the_python_api_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def count(*asked: float, **options: float) -> int:
        assert asked == (0.9, 0.5, 0.09)
        assert options == {"rois": 2, "alike": 0.5, "correlation": 0.5, "power": 0.7}
        return 77

    monkeypatch.setattr("keras_cwp.api.planning.patients_for_difference", count)  # which takes ten seconds
    asked = ["plan", "--auc", "0.9", "--share", "0.5", "--half-width", "0.1"]
    more = ["--difference", "0.09", "--power", "0.7", "--rois", "2", "--alike", "0.5", "--json"]
    tree = json.loads(CliRunner().invoke(cli, [*asked, *more]).output.splitlines()[-1])
    assert tree["patients_for_half_width"] == cwp.patients_for_half_width(0.9, 0.5, 0.1, rois=2, alike=0.5)
    assert tree["patients_for_difference"] == 77
    said = CliRunner().invoke(cli, asked).output
    assert "patients, " in said
    assert "one ROI a patient" in said


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--auc", "0.8"],
        ["--auc", "0.8", "--share", "0.2"],
        ["RUN", "--auc", "0.8"],
        ["RUN", "--share", "0.2"],
        ["RUN", "--rois", "3"],
        ["--auc", "0.8", "--share", "0.2", "--half-width", "0.1", "--repeats", "3"],
        ["--auc", "0.4", "--share", "0.2", "--half-width", "0.1"],
    ],
)
def test_a_plan_of_nothing_or_of_two_things_is_refused(wrong: list[str]) -> None:
    asked = CliRunner().invoke(cli, ["plan", *wrong])
    assert asked.exit_code == 2
    assert "--auc" in asked.output


@pytest.mark.parametrize(
    ("passed_over", "why"),
    [
        (["--power", "0.9"], "--power: only with --difference"),
        (["--correlation", "0.5"], "--correlation: only with --difference"),
        (["--alike", "0.5"], "--alike: only with --rois above 1"),
    ],
)
def test_an_option_that_would_be_passed_over_is_refused(passed_over: list[str], why: str) -> None:
    asked = CliRunner().invoke(cli, ["plan", "--auc", "0.8", "--share", "0.2", "--half-width", "0.1", *passed_over])
    assert asked.exit_code == 2
    assert why in asked.output
