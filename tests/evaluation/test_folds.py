from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.folds import fold_figures, with_training
from keras_cwp.evaluation.roc import auc, macro_auc
from keras_cwp.evaluation.subgroups import subgroup_figures

CONFIG = EvaluateConfig()


def shifted(scores, size: float):
    """Folds whose models lean towards other classes."""
    logits = np.log(scores.probabilities) + size * np.eye(3)[scores.fold % 3]
    power = np.exp(logits)
    return replace(scores, probabilities=power / power.sum(axis=1, keepdims=True))


def test_folds_on_other_scales_bring_a_caution_and_ranks_bring_the_auc_back(make_scores) -> None:
    scores = make_scores(patients=150)
    plain, leaning = fold_figures(scores, CONFIG, 0), fold_figures(shifted(scores, 2.5), CONFIG, 0)
    assert plain["cautions"] == []
    assert len(leaning["cautions"]) == 1
    pooled = macro_auc(scores.label, shifted(scores, 2.5).probabilities)
    mean = leaning["mean"]["auc"]["macro"]["value"]
    assert f"{pooled:.3f}" in leaning["cautions"][0]
    assert f"{mean:.3f}" in leaning["cautions"][0]
    assert leaning["rank_normalised"]["auc"]["macro"]["value"] == pytest.approx(mean, abs=0.02)
    assert pooled < mean - 0.03


def test_a_fold_without_a_class_is_left_out_of_means_over_classes_and_named(make_scores) -> None:
    scores = make_scores(patients=90)
    kept = scores.take((scores.fold != 1) | (scores.label != 2))
    found = fold_figures(kept, CONFIG, 0)
    assert [row["classes"] for row in found["each"]] == [3, 2, 3]
    assert found["each"][1]["missing"] == ["large_opacity"]
    assert "fold 1 has no large_opacity" in found["cautions"][0]
    macro = found["mean"]["auc"]["macro"]
    assert macro["folds"] == 2
    each = [kept.take(kept.fold == fold) for fold in (0, 2)]
    assert macro["value"] == pytest.approx(np.mean([macro_auc(own.label, own.probabilities) for own in each]))
    assert found["mean"]["auc"]["per_class"]["normal"]["folds"] == 3


def test_means_of_small_studies_have_an_interval(make_scores) -> None:
    found = fold_figures(make_scores(patients=40, folds=5), CONFIG, 0)
    lower, upper = found["mean"]["auc"]["macro"]["ci95"]
    assert lower < found["mean"]["auc"]["macro"]["value"] < upper


def test_repeats_do_not_make_the_interval_narrower(make_scores) -> None:
    once = make_scores(patients=60, folds=3)
    names = ("roi_id", "patient_id", "image", "label", "probabilities")
    doubled = {name: np.concatenate([getattr(once, name)] * 2) for name in names}
    twice = replace(once, fold=np.concatenate([once.fold, once.fold + 3]), **doubled)
    widths = [np.ptp(fold_figures(own, CONFIG, 0)["mean"]["auc"]["macro"]["ci95"]) for own in (once, twice)]
    assert widths[1] == pytest.approx(widths[0], rel=0.02)


def test_subgroups_without_a_class_are_flagged(scores) -> None:
    site = np.where(scores.label == 2, "north", np.where(np.arange(len(scores)) % 2, "north", "south"))
    found = subgroup_figures(scores, {"site": site}, CONFIG, 0)["site"]
    assert found["north"]["comparable"]
    assert found["south"] | {"classes": 2, "missing": ["large_opacity"], "comparable": False} == found["south"]


def test_interval_with_training_by_hand() -> None:
    """Five folds of .8, .82, .84, .86, .88: SD .0316, error SD times the root of 1/5 + 1/4, t of 4 degrees 2.776."""
    half = 2.776445 * 0.0316228 * np.sqrt(0.45)
    np.testing.assert_allclose(with_training([0.8, 0.82, 0.84, 0.86, 0.88], 5), [0.84 - half, 0.84 + half], atol=1e-6)
    assert with_training([0.8, 0.9], 2) is None


def test_interval_with_training_holds_what_such_trainings_reach() -> None:
    """Nearest-mean classifiers trained on 48 of 60 patients: the mean AUC of many trainings, in most intervals."""

    def draw(rng: np.random.Generator, patients: int) -> tuple[np.ndarray, np.ndarray]:
        label = np.arange(patients) % 2
        return rng.normal(size=(patients, 10)) + 0.35 * label[:, None], label

    def train(points: np.ndarray, label: np.ndarray) -> np.ndarray:
        return points[label == 1].mean(axis=0) - points[label == 0].mean(axis=0)

    def reached(direction: np.ndarray) -> float:
        return float(stats.norm.cdf(0.35 * direction.sum() / np.sqrt(2 * (direction**2).sum())))

    truth = np.mean([reached(train(*draw(np.random.default_rng(seed), 48))) for seed in range(400)])
    inside = []
    for seed in range(1000, 1200):
        rng = np.random.default_rng(seed)
        points, label = draw(rng, 60)
        fold = rng.permutation(60) % 5
        values = [
            auc(label[fold == k] == 1, points[fold == k] @ train(points[fold != k], label[fold != k])) for k in range(5)
        ]
        if not np.isnan(values).any():
            limits = with_training(values, 5)
            inside.append(limits[0] <= truth <= limits[1])
    assert 0.88 <= np.mean(inside) <= 1
