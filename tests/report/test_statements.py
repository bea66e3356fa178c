"""Sentences about single figures: each says the figure, and what it means for this run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.comparison import compare
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.statements import (
    calibration_sentence,
    detectable_sentence,
    non_inferior_sentences,
    question_sentences,
    rank_sentence,
    roi_count_sentence,
)
from keras_cwp.report.statistics_tables import ratio_table

ORDER = ("normal", "small <pq>", "large")


def test_patient_questions_name_disease_and_grades(run: ReportInput) -> None:
    metrics = evaluate(run.scores, EvaluateConfig(bootstraps=100), 0, order=ORDER)
    any_disease, worst = question_sentences(metrics)
    auc = metrics["patient_level"]["questions"]["any_disease"]["auc"]
    assert any_disease.startswith(f"Does a patient have any disease? AUC {auc['value']:.3f} [")
    assert worst.startswith("Does a patient have large or worse?")
    assert "of 40 patients have a ROI of it" in worst


def test_the_number_of_rois_is_compared_with_the_model_only_where_it_varies(run: ReportInput) -> None:
    uneven = run.scores.take(np.arange(len(run.scores)) % 7 != 0)
    metrics = evaluate(uneven, EvaluateConfig(bootstraps=100), 0)
    sentence = roi_count_sentence(metrics)
    assert sentence is not None
    assert f"{metrics['patient_level']['roi_count']['macro']['value']:.3f}" in sentence
    single = run.scores.take(np.unique(run.scores.patient_id, return_index=True)[1])
    assert roi_count_sentence(evaluate(single, EvaluateConfig(bootstraps=100), 0)) is None


def test_ranks_within_folds_are_given_beside_the_pooled_auc(run: ReportInput) -> None:
    sentence = rank_sentence(run.metrics)
    assert sentence is not None
    assert f"{run.metrics['folds']['rank_normalised']['auc']['macro']['value']:.3f}" in sentence
    one = replace(run.scores, fold=0 * run.scores.fold)
    assert rank_sentence(evaluate(one, EvaluateConfig(bootstraps=100), 0)) is None


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ({"p": 0.2, "patients": 40}, "p = 0.200. These ROIs do not show a gap"),
        (
            {"p": 0.0005, "patients": 40},
            "p < 0.001. The probabilities of this model do not agree with the observed shares",
        ),
        ({"p": None, "patients": 1, "reason": "needs 20 patients"}, "it needs 20 patients, and there are 1."),
    ],
)
def test_calibration_test_in_words(test: dict[str, Any], said: str) -> None:
    assert said in calibration_sentence(test)


def test_a_pair_says_what_it_could_find_and_whether_the_margin_holds(run: ReportInput) -> None:
    noise = np.random.default_rng(3).dirichlet(np.ones(3), len(run.scores))
    worse = replace(run.scores, probabilities=0.3 * run.scores.probabilities + 0.7 * noise)
    both = {"a": run.scores, "b": worse}
    (pair,) = compare(both, EvaluateConfig(bootstraps=100, margin=0.1), 0)["pairs"]
    assert f"{pair['delong']['macro']['detectable']:.3f}" in detectable_sentence(pair)
    better, poorer = non_inferior_sentences(pair)
    assert "a is worse than b by less than 0.1 in macro AUC is shown" in better
    assert "b is worse than a by less than 0.1 in macro AUC is not shown" in poorer
    (unasked,) = compare(both, EvaluateConfig(bootstraps=100), 0)["pairs"]
    assert non_inferior_sentences(unasked) == ()
    (same,) = compare({"a": run.scores, "twin": run.scores}, EvaluateConfig(bootstraps=100), 0)["pairs"]
    assert "no difference can be found: the two models rank these ROIs alike" in detectable_sentence(same)


def test_predictive_values_stand_beside_the_ratios_where_a_prevalence_is_stated(run: ReportInput) -> None:
    assert run.validation is not None
    config = EvaluateConfig(bootstraps=100, prevalence={"large": 0.05})
    table = ratio_table(evaluate(run.scores, config, 0, run.validation)["thresholds"])
    assert table is not None
    rows = {row[0]: row for row in table.rows}
    assert rows["large"][3] == "0.05"
    assert rows["normal"][3:] == ("–", "–", "–")


def test_the_page_says_all_of_it(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    for phrase in (
        "Does a patient have any disease?", "replaced by their ranks", "Calibration test over 40 patients",
        "Likelihood ratios", "At a fixed specificity", "Calibration intercept and slope",
        "Calibration of all classes at once", "Do the subgroups of a column differ at all?",
        "probability are refused first",
        "Sets that hold the true class", "Gaps between subgroups",
    ):  # fmt: skip
        assert phrase in page, phrase
