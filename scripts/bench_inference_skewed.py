#!/usr/bin/env python
"""A second simulation of intervals and tests: studies unlike those that the rules were tuned on (bench_inference.py).

Classes are mixed inside a patient (a Dirichlet share each), the number of ROIs is beta-binomial (most patients have one
to three, a few ten), what the ROIs of a patient have in common has heavy tails (t with 4 degrees of freedom), the rest
is skewed (gamma), the noise grows with the class, and the probabilities are too sure of themselves.

python scripts/bench_inference_skewed.py                        # the tables of docs/benchmarks.md, about 12 minutes
python scripts/bench_inference_skewed.py --sizes 30 --only coverage
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy import special
from scipy.optimize import brentq

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.aggregation import aggregate
from keras_cwp.evaluation.comparison import mcnemar
from keras_cwp.evaluation.paired import paired_delong
from keras_cwp.evaluation.ranking import auc_statistic
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.evaluation.roi_metrics import roi_figures, roi_statistic
from keras_cwp.evaluation.statistic import on_table
from keras_cwp.evaluation.thresholds import rates
from keras_cwp.evaluation.unit_metrics import unit_figures
from keras_cwp.scores import Scores

CLASSES = ("clear", "pq", "conglomerate")
SHARES = np.array([0.50, 0.32, 0.18])
MIXED = 1.5  # concentration of a patient's class shares; 0: one class a patient, large: all patients alike
SPREAD = np.array([0.7, 1.0, 1.5])  # of the noise, by class
MOST_FURTHER_ROIS = 9
TAILS = 4  # degrees of freedom of what a patient's ROIs have in common
SURENESS = 1.6  # factor of the log odds
THRESHOLD = 0.3  # of the rarest class, fixed beforehand
POPULATION = 30_000  # patients whose figures count as the truth
MARGIN = 0.05
SIZES = (20, 30, 60, 120)
FIGURES = {
    "macro": ("auc", "macro"),
    "rare": ("auc", "per_class", CLASSES[2]),
    "accuracy": ("accuracy",),
    "balanced": ("balanced_accuracy",),
    "kappa": ("kappa", "unweighted"),
    "F1": ("f1", "macro"),
    "log loss": ("log_loss",),
    "Brier": ("brier",),
}
NAMES = (*FIGURES, "sensitivity", "specificity", "patients")


@dataclass(frozen=True)
class Population:
    """Patients and a model.

    Args:
        auc: macro AUC of the model on their ROIs.
        alike: share of the noise that ROIs of a patient have in common, 0 to 1.
    """

    auc: float
    alike: float

    @cache  # noqa: B019 a handful of populations
    def shift(self) -> float:
        """Distance between classes that gives the AUC."""
        return float(brentq(self._excess, 0.2, 12.0, xtol=1e-3))

    def _excess(self, shift: float) -> float:
        study = _study(np.random.default_rng(5), 12_000, shift, self.alike)
        return macro_auc(study.label, study.probabilities) - self.auc

    def draw(self, rng: np.random.Generator, patients: int) -> Scores:
        """Scores of a study."""
        return _study(rng, patients, self.shift(), self.alike)


def draw_pair(rng: np.random.Generator, patients: int, first: Population, second: Population) -> tuple[Scores, Scores]:
    """Two models on the same ROIs; half of the variance of their noise is the same."""
    patient, label = _cohort(rng, patients)
    shared = _noise(rng, patient, patients, (first.alike + second.alike) / 2)
    both = [
        _scored(patient, label, one.shift(), np.sqrt(0.5) * (shared + _noise(rng, patient, patients, one.alike)))
        for one in (first, second)
    ]
    return both[0], both[1]


def _study(rng: np.random.Generator, patients: int, shift: float, alike: float) -> Scores:
    patient, label = _cohort(rng, patients)
    return _scored(patient, label, shift, _noise(rng, patient, patients, alike))


def _cohort(rng: np.random.Generator, patients: int) -> tuple[np.ndarray, np.ndarray]:
    """Owner and class of each ROI."""
    further = rng.binomial(MOST_FURTHER_ROIS, rng.beta(0.8, 2.4, patients))
    patient = np.repeat(np.arange(patients), 1 + further)
    mixture = np.cumsum(rng.dirichlet(MIXED * SHARES, patients), axis=1)[patient]
    return patient, np.minimum((rng.random(len(patient))[:, None] > mixture).sum(axis=1), 2)


def _noise(rng: np.random.Generator, patient: np.ndarray, patients: int, alike: float) -> np.ndarray:
    """float [ROIs, 2], mean 0, variance 1."""
    common = rng.standard_t(TAILS, (patients, 2)) * np.sqrt((TAILS - 2) / TAILS)
    own = (rng.gamma(2.0, 1.0, (len(patient), 2)) - 2) / np.sqrt(2)
    return np.sqrt(alike) * common[patient] + np.sqrt(1 - alike) * own


def _scored(patient: np.ndarray, label: np.ndarray, shift: float, noise: np.ndarray) -> Scores:
    """A severity and a sign of small opacities, each read with noise, as probabilities."""
    severity = shift * np.array([0.0, 0.35, 1.0])[label] + SPREAD[label] * noise[:, 0]
    small = shift * np.array([0.0, 0.8, 0.3])[label] + SPREAD[label] * noise[:, 1]
    logits = np.column_stack([0 * small, 1.1 * small - 0.45 * shift, 1.3 * severity + 0.2 * small - 0.8 * shift])
    names, owners = np.arange(len(patient)).astype(str), patient.astype(str)
    found = special.softmax(SURENESS * logits, axis=1)
    return Scores(CLASSES, names, owners, names, np.zeros(len(patient), dtype=int), label, found)


def truth_of(population: Population, config: EvaluateConfig) -> dict[str, float]:
    """The figures of the whole population."""
    scores = population.draw(np.random.default_rng(6), POPULATION)
    values = on_table(roi_statistic(scores), len(scores))
    rare, called = scores.label == 2, scores.probabilities[:, 2] >= THRESHOLD
    units = aggregate(scores, "patient", config.patient_rule)
    of_patients = on_table(auc_statistic(units.positive, units.score, CLASSES), len(units.unit))
    return {name: values[path] for name, path in FIGURES.items()} | {
        "sensitivity": float(called[rare].mean()),
        "specificity": float(1 - called[~rare].mean()),
        "patients": of_patients["auc", "macro"],
    }


def coverage(population: Population, patients: int, replicates: int, config: EvaluateConfig) -> dict[str, list[float]]:
    """Of each figure: share of intervals that hold the truth, that lie above it, that are withheld."""
    truth = truth_of(population, config)
    limits: dict[str, list[Sequence[float]]] = {name: [] for name in NAMES}
    for number in range(replicates):
        scores = population.draw(np.random.default_rng([19, patients, number]), patients)
        for name, own in _intervals(scores, config).items():
            limits[name].append((np.nan, np.nan) if own is None else own)
    return {name: _held(np.array(own), truth[name]) for name, own in limits.items()}


def _intervals(scores: Scores, config: EvaluateConfig) -> dict[str, Sequence[float] | None]:
    figures = roi_figures(scores, config, 0)
    found: dict[str, Sequence[float] | None] = {name: figures[path]["ci95"] for name, path in FIGURES.items()}
    called = scores.probabilities[:, 2] >= THRESHOLD
    of_call = rates(scores.label == 2, called, scores.patient_id)
    macro = unit_figures(scores, "patient", config, 0)["auc"]["macro"]
    return found | {name: of_call[name]["ci95"] for name in NAMES[-3:-1]} | {"patients": macro["ci95"]}


def _held(limits: np.ndarray, truth: float) -> list[float]:
    given = limits[~np.isnan(limits[:, 0])]
    if not len(given):
        return [np.nan, np.nan, 1.0]
    inside = (given[:, 0] <= truth) & (truth <= given[:, 1])
    return [float(inside.mean()), float((given[:, 0] > truth).mean()), 1 - len(given) / len(limits)]


def levels(first: Population, second: Population, patients: int, replicates: int) -> dict[str, float]:
    """Shares of studies in which the paired tests reject at .05 and non-inferiority is claimed at .05 and .025."""
    p: dict[str, list[float]] = {"DeLong": [], "McNemar": [], "first is not inferior": []}
    for number in range(replicates):
        a, b = draw_pair(np.random.default_rng([23, patients, number]), patients, first, second)
        test = paired_delong(a, b, MARGIN)["macro"]
        right = [own.probabilities.argmax(axis=1) == own.label for own in (a, b)]
        p["DeLong"].append(np.nan if test["p"] is None else test["p"])
        p["McNemar"].append(mcnemar(right[0], right[1], a.patient_id)["p"])
        p["first is not inferior"].append(test.get("non_inferior", {}).get("first_p", np.nan))
    shares = {name: float(np.nanmean(np.array(own) < 0.05)) for name, own in p.items()}
    return shares | {"at .025": float(np.nanmean(np.array(p["first is not inferior"]) < 0.025))}


def coverage_lines(replicates: int, sizes: Sequence[int], config: EvaluateConfig) -> Iterator[str]:
    """The coverage table as Markdown, row by row."""
    yield "| patients | AUC | alike | " + " | ".join(NAMES) + " |"
    yield "|---" * (3 + len(NAMES)) + "|"
    for patients in sizes:
        for auc in (0.8, 0.9, 0.97):
            for alike in (0.2, 0.6):
                found = coverage(Population(auc, alike), patients, replicates, config)
                cells = (_cell(*own) for own in found.values())
                yield f"| {patients} | {auc} | {alike} | " + " | ".join(cells) + " |"


def _cell(held: float, above: float, withheld: float) -> str:
    return f"{held:.3f} ({above:.3f})" + (f" {100 * withheld:.0f} % none" if withheld >= 0.005 else "")


def level_lines(replicates: int, sizes: Sequence[int]) -> Iterator[str]:
    """Type I error of the paired tests, and of non-inferiority where the first model is worse by the margin."""
    yield "| patients | AUC | alike | DeLong | McNemar | other noise: DeLong | not inferior at .05 | at .025 |"
    yield "|---" * 8 + "|"
    for patients in sizes:
        for auc, alike in ((0.8, 0.2), (0.8, 0.6), (0.9, 0.4), (0.97, 0.4)):
            one = Population(auc, alike)
            same = levels(one, one, patients, replicates)
            other = levels(one, replace(one, alike=0.9 - alike), patients, replicates)
            worse = levels(replace(one, auc=auc - MARGIN), one, patients, replicates)
            shown = (same["DeLong"], same["McNemar"], other["DeLong"], worse["first is not inferior"], worse["at .025"])
            yield f"| {patients} | {auc} | {alike} | " + " | ".join(f"{own:.3f}" for own in shown) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="patients of the studies")
    parser.add_argument("--only", choices=("coverage", "levels"))
    options = parser.parse_args()
    config, began = EvaluateConfig(), time.monotonic()
    if options.only != "levels":
        print("Coverage of 95 % intervals (share that lies above the truth)\n")
        for line in coverage_lines(options.replicates, options.sizes, config):
            print(line, flush=True)
    if options.only != "coverage":
        print("\nType I error at .05\n")
        for line in level_lines(options.replicates, options.sizes):
            print(line, flush=True)
    print(f"\n{options.replicates} replicates, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
