#!/usr/bin/env python
"""How often 95 % intervals hold the truth, and how often paired tests see a difference that is not there.

Studies are drawn from a population whose truth is known, and judged by the package's own functions. A patient has one
to six ROIs; 55, 30 and 15 % of them are of the three classes; the probabilities of the model are calibrated.

python scripts/bench_inference.py             # the tables of docs/benchmarks.md, about ten minutes
python scripts/bench_inference.py --quick     # a small form with wide bounds, which a test runs
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy import special
from scipy.optimize import brentq

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.aggregation import aggregate
from keras_cwp.evaluation.calibration_error import calibration_test
from keras_cwp.evaluation.comparison import compare
from keras_cwp.evaluation.delong import delong_figures
from keras_cwp.evaluation.folds import fold_figures
from keras_cwp.evaluation.ranking import auc_statistic
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.evaluation.roi_metrics import roi_figures, roi_statistic
from keras_cwp.evaluation.statistic import nested, on_table
from keras_cwp.evaluation.unit_metrics import unit_figures
from keras_cwp.scores import Scores

CLASSES = ("normal", "small", "large")
SHARES = np.array([0.55, 0.30, 0.15])
MOST_ROIS = 6
OTHER_LABEL = 0.2  # share of ROIs whose label is drawn anew instead of being the patient's own
POPULATION = 20_000  # patients whose figures count as the truth
FOLDS = 5
WATCHED = {
    "macro": ("auc", "macro"),
    "rare": ("auc", "per_class", "large"),
    "micro": ("auc", "micro"),
    "DeLong": ("delong", "macro"),
    "folds": ("folds", "mean", "auc", "macro"),
    "patient": ("patient_level", "auc", "macro"),
    "AP": ("average_precision", "macro"),
    "accuracy": ("accuracy",),
    "balanced": ("balanced_accuracy",),
    "kappa": ("kappa", "unweighted"),
    "log loss": ("log_loss",),
    "Brier": ("brier",),
    "ECE": ("ece",),
}


@dataclass(frozen=True)
class World:
    """A population of patients.

    Args:
        auc: macro AUC of its ROIs.
        alike: share of the noise that ROIs of a patient have in common, 0 to 1.
    """

    auc: float
    alike: float

    def separation(self) -> float:
        """Distance between classes, in standard deviations of the noise, that gives the AUC."""
        return float(brentq(lambda a: _auc_at(a, self.alike) - self.auc, 0.0, 6.0, xtol=1e-3))


def _auc_at(separation: float, alike: float) -> float:
    scores = draw_study(np.random.default_rng(0), 4000, separation, alike)
    return macro_auc(scores.label, scores.probabilities)


def draw_study(
    rng: np.random.Generator, patients: int, separation: float, alike: float, rare: int | None = None
) -> Scores:
    """Scores of a study.

    Args:
        rare: how many patients have ROIs of the rarest class; None: as the shares have it.
    """
    patient, label = _labels(rng, patients, rare)
    common, own = rng.normal(size=(patients, 3))[patient], rng.normal(size=(len(patient), 3))
    return _scores(patient, label, separation, np.sqrt(alike) * common + np.sqrt(1 - alike) * own)


def draw_pair(
    rng: np.random.Generator, patients: int, separation: float, alike: float, rare: int | None = None
) -> dict[str, Scores]:
    """Scores of two models that are equally good; half of the variance of their noise is shared."""
    patient, label = _labels(rng, patients, rare)
    shared = rng.normal(size=(len(patient), 3))
    found = {}
    for name in "ab":
        common, own = rng.normal(size=(patients, 3))[patient], rng.normal(size=(len(patient), 3))
        noise = np.sqrt(alike) * common + np.sqrt(1 - alike) * own
        found[name] = _scores(patient, label, separation, np.sqrt(0.5) * (noise + shared))
    return found


def _labels(rng: np.random.Generator, patients: int, rare: int | None) -> tuple[np.ndarray, np.ndarray]:
    patient = np.repeat(np.arange(patients), rng.integers(1, MOST_ROIS + 1, patients))
    if rare is None:
        own, shares = rng.choice(3, size=patients, p=SHARES), SHARES
    else:
        shares = np.append(SHARES[:2] / SHARES[:2].sum(), 0.0)
        own = rng.choice(3, size=patients, p=shares)
        own[:rare] = 2
    anew = rng.random(len(patient)) < OTHER_LABEL
    label = np.where(anew, rng.choice(3, size=len(patient), p=shares), own[patient])
    if rare is not None:  # each of these patients keeps a ROI of the class
        label[np.unique(patient, return_index=True)[1][:rare]] = 2
    return patient, label


def _scores(patient: np.ndarray, label: np.ndarray, separation: float, noise: np.ndarray) -> Scores:
    logits = separation * (separation * np.eye(3)[label] + noise) + np.log(SHARES)  # the posterior of the label
    names, owners = np.arange(len(patient)).astype(str), patient.astype(str)
    return Scores(CLASSES, names, owners, names, patient % FOLDS, label, special.softmax(logits, axis=1))


def truth_of(world: World, separation: float, config: EvaluateConfig) -> dict[tuple[str, ...], float]:
    """The figures of the whole population; ECE is 0, because the model is calibrated."""
    scores = draw_study(np.random.default_rng(1), POPULATION, separation, world.alike)
    of_rois = on_table(roi_statistic(scores), len(scores))
    units = aggregate(scores, "patient", config.patient_rule)
    of_patients = on_table(auc_statistic(units.positive, units.score, CLASSES), len(units.unit))
    found = {path: of_rois[path] for path in WATCHED.values() if path in of_rois}
    found["delong", "macro"] = found["folds", "mean", "auc", "macro"] = of_rois["auc", "macro"]
    found["patient_level", "auc", "macro"] = of_patients["auc", "macro"]
    return found | {("ece",): 0.0}


def coverage(world: World, patients: int, replicates: int, config: EvaluateConfig) -> dict[str, dict[str, float]]:
    """Of each watched figure: share of intervals that hold the truth, lie above it, and are withheld; mean width."""
    separation = world.separation()
    truth = truth_of(world, separation, config)
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in WATCHED}
    for number in range(replicates):
        rng = np.random.default_rng([7, patients, number])
        found = figures_of(draw_study(rng, patients, separation, world.alike), config, number)
        for name, path in WATCHED.items():
            limits = _at(found, path)
            rows[name].append((np.nan, np.nan) if limits is None else (limits[0], limits[1]))
    return {name: _summary(np.array(rows[name]), truth[path]) for name, path in WATCHED.items()}


def figures_of(scores: Scores, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    """The parts of metrics.json that are watched, by the functions that make it."""
    return nested(roi_figures(scores, config, seed)) | {
        "delong": delong_figures(scores),
        "folds": fold_figures(scores, config, seed),
        "patient_level": unit_figures(scores, "patient", config, seed),
    }


def _at(tree: Any, path: tuple[str, ...]) -> list[float] | None:
    for part in path:
        tree = tree[part]
    limits: list[float] | None = tree["ci95"]
    return limits


def _summary(limits: np.ndarray, truth: float) -> dict[str, float]:
    given = limits[~np.isnan(limits[:, 0])]
    if not len(given):
        return {"covered": np.nan, "above": np.nan, "withheld": 1.0, "width": np.nan}
    inside = (given[:, 0] <= truth + 1e-12) & (truth - 1e-12 <= given[:, 1])
    return {
        "covered": float(inside.mean()),
        "above": float((given[:, 0] > truth + 1e-12).mean()),
        "withheld": 1 - len(given) / len(limits),
        "width": float((given[:, 1] - given[:, 0]).mean()),
    }


def type_one(world: World, patients: int, rare: int, replicates: int, config: EvaluateConfig) -> dict[str, float]:
    """Share of p values below .05 between equally good models; `given`: share of studies where DeLong gives one."""
    separation = world.separation()
    p: dict[str, list[float]] = {"DeLong": [], "bootstrap": [], "McNemar": []}
    for number in range(replicates):
        runs = draw_pair(np.random.default_rng([11, rare, number]), patients, separation, world.alike, rare)
        (pair,) = compare(runs, config, number)["pairs"]
        tests = (pair["delong"]["macro"], pair["bootstrap"]["macro"], pair["mcnemar"])
        for name, test in zip(p, tests, strict=True):
            p[name].append(np.nan if test["p"] is None else test["p"])
    found = {name: _share(np.array(values)) for name, values in p.items()}
    return found | {"given": float(np.mean(~np.isnan(p["DeLong"])))}


def _share(p: np.ndarray) -> float:
    known = p[~np.isnan(p)]
    return float((known < 0.05).mean()) if len(known) else float("nan")


def uninformed(patients: int, replicates: int, config: EvaluateConfig) -> float:
    """Mean macro AUC of patients where the model says nothing about ROIs; 0.5 where the rule does not count ROIs."""
    found = []
    for number in range(replicates):
        rng = np.random.default_rng([13, number])
        patient, _ = _labels(rng, patients, None)
        told = _scores(patient, rng.choice(3, size=len(patient), p=SHARES), 1.0, rng.normal(size=(len(patient), 3)))
        blind = replace(told, label=rng.choice(3, size=len(patient), p=SHARES))
        units = aggregate(blind, "patient", config.patient_rule)
        found.append(on_table(auc_statistic(units.positive, units.score, CLASSES), len(units.unit))["auc", "macro"])
    return float(np.nanmean(found))


def coverage_lines(
    replicates: int, config: EvaluateConfig, quick: bool, sizes: Sequence[int] = (30, 60, 120)
) -> Iterator[str]:
    """The coverage table, row by row, as Markdown.

    Args:
        sizes: patients of the studies.
    """
    yield "| patients | AUC | alike | " + " | ".join(WATCHED) + " |"
    yield "|---" * (3 + len(WATCHED)) + "|"
    cells = [(n, auc, alike) for n in (30, 60, 120) for auc in (0.8, 0.9, 0.98) for alike in (0.2, 0.6)]
    for patients, auc, alike in cells[4:5] if quick else [cell for cell in cells if cell[0] in sizes]:
        found = coverage(World(auc, alike), patients, replicates, config)
        yield f"| {patients} | {auc} | {alike} | " + " | ".join(_cell(own) for own in found.values()) + " |"


def _cell(found: dict[str, float]) -> str:
    if np.isnan(found["covered"]):
        return "none"
    withheld = f", {100 * found['withheld']:.0f} % none" if found["withheld"] >= 0.005 else ""
    return f"{found['covered']:.3f} ({found['above']:.3f}; {found['width']:.3f}{withheld})"


def type_one_lines(replicates: int, config: EvaluateConfig, quick: bool) -> Iterator[str]:
    """The table of type I error, row by row, as Markdown."""
    yield "| patients | of the class | AUC | DeLong | p given | bootstrap | McNemar |"
    yield "|---" * 7 + "|"
    cells = [(40, rare, 0.85) for rare in (1, 2, 3, 5, 10)] + [(8, 2, 0.85), (20, 3, 0.95), (100, 15, 0.85)]
    for patients, rare, auc in cells[2:3] if quick else cells:
        found = type_one(World(auc, 0.4), patients, rare, replicates, config)
        values = (found["DeLong"], found["given"], found["bootstrap"], found["McNemar"])
        yield f"| {patients} | {rare} | {auc} | " + " | ".join(f"{value:.3f}" for value in values) + " |"


def calibration_lines(replicates: int, config: EvaluateConfig, quick: bool) -> Iterator[str]:
    """Share of calibrated models, and of models with doubled logits, that the calibration test rejects at .05."""
    yield "| patients | AUC | alike | calibrated | overconfident |"
    yield "|---" * 5 + "|"
    cells = [(n, auc, alike) for n in (30, 60, 120) for auc in (0.8, 0.98) for alike in (0.2, 0.6)]
    for patients, auc, alike in cells[:1] if quick else cells:
        separation, p = World(auc, alike).separation(), []
        for number in range(replicates):
            study = draw_study(np.random.default_rng([17, patients, number]), patients, separation, alike)
            sharp = special.softmax(2 * np.log(study.probabilities), axis=1)
            for probabilities in (study.probabilities, sharp):
                test = calibration_test(study.label, probabilities, study.patient_id, config.calibration_bins)
                p.append(np.nan if test["p"] is None else test["p"])
        shares = [_share(np.array(p[kind::2])) for kind in (0, 1)]
        yield f"| {patients} | {auc} | {alike} | {shares[0]:.3f} | {shares[1]:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one cell of each table")
    parser.add_argument("--replicates", type=int, default=400)
    options = parser.parse_args()
    replicates = min(options.replicates, 60) if options.quick else options.replicates
    config, began = EvaluateConfig(bootstraps=400), time.monotonic()
    print("Coverage of 95 % intervals (share that lies above the truth; mean width, share withheld)\n")
    for line in coverage_lines(replicates, config, options.quick):
        print(line, flush=True)
    print("\nType I error of paired tests at .05\n")
    for line in type_one_lines(replicates, EvaluateConfig(bootstraps=200), options.quick):
        print(line, flush=True)
    print("\nCalibration test: share rejected at .05\n")
    for line in calibration_lines(replicates, config, options.quick):
        print(line, flush=True)
    print(f"\nPatients' macro AUC of a model without information, rule {config.patient_rule}: "
          f"{uninformed(60, replicates, config):.3f}")  # fmt: skip
    print(f"{replicates} replicates, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
