#!/usr/bin/env python
"""Intervals and tests that the other simulations leave out: gaps between subgroups, net benefit, fixed specificity.

The studies are those of bench_inference_skewed.py. A subgroup is drawn by chance among the patients, so no gap is true.

python scripts/bench_inference_decisions.py                        # the tables of docs/benchmarks.md, about 10 minutes
python scripts/bench_inference_decisions.py --only gaps --replicates 100
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence

import bench_inference_skewed as skewed  # sets the number of threads before NumPy starts
import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.decision_curve import THRESHOLDS, decision_curve
from keras_cwp.evaluation.fixed_specificity import fixed_specificity, partial_auc, sensitivity_at
from keras_cwp.evaluation.gaps import subgroup_gaps
from keras_cwp.evaluation.interaction import interaction
from keras_cwp.evaluation.statistic import on_table

RARE = 2  # column of the rarest class
PLACES = (4, 9, 19, 39)  # of THRESHOLDS: 0.05, 0.1, 0.2, 0.4
POPULATIONS = (
    (0.8, 0.6),
    (0.9, 0.2),
    (0.97, 0.6),
)  # macro AUC, share of the noise that a patient's ROIs have in common
RESAMPLES = 200


def gap_levels(auc: float, alike: float, patients: int, shares: Sequence[float], replicates: int) -> list[float]:
    """Shares of studies in which the first subgroup's gap and the test of all subgroups are below .05, and in which the
    gap is withheld.

    Args:
        shares: of the patients in each subgroup.
    """
    gaps, tests = [], []
    for number in range(replicates):
        rng = np.random.default_rng([31, patients, number])
        scores = skewed.Population(auc, alike).draw(rng, patients)
        ends = np.round(np.cumsum(shares)[:-1] * patients)
        group = np.searchsorted(ends, rng.permutation(patients), side="right").astype(str)
        values = group[scores.patient_id.astype(int)]
        own = subgroup_gaps(scores, values)["0"]["p"]
        test = interaction(scores, values)["p"]
        gaps.append(np.nan if own is None else own)
        tests.append(np.nan if test is None else test)
    return [*(float(np.nanmean(_below(np.array(each)))) for each in (gaps, tests)), float(np.isnan(gaps).mean())]


def _below(p: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(p), np.nan, p < 0.05)


def benefit_coverage(auc: float, alike: float, patients: int, replicates: int) -> list[float]:
    """Shares of intervals that hold the net benefit of the rarest class in the population, at PLACES."""
    population = skewed.Population(auc, alike)
    whole = population.draw(np.random.default_rng(6), skewed.POPULATION)
    truth = decision_curve(whole.label == RARE, whole.probabilities[:, RARE]).model
    held = []
    for number in range(replicates):
        scores = population.draw(np.random.default_rng([37, patients, number]), patients)
        curve = decision_curve(scores.label == RARE, scores.probabilities[:, RARE], scores.patient_id)
        assert curve.lower is not None
        assert curve.upper is not None
        held.append([curve.lower[place] <= truth[place] <= curve.upper[place] for place in PLACES])
    return [float(share) for share in np.mean(held, axis=0)]


def specificity_coverage(auc: float, alike: float, patients: int, replicates: int) -> list[float]:
    """Shares of intervals that hold the rarest class's sensitivity at 90 % specificity and partial AUC."""
    population = skewed.Population(auc, alike)
    whole = population.draw(np.random.default_rng(6), skewed.POPULATION)
    arms = whole.label == RARE, whole.probabilities[:, RARE]
    (at,), (area,) = (on_table(each, len(whole)).values() for each in (sensitivity_at(*arms, 0.9), partial_auc(*arms)))
    held: tuple[list[float], list[float]] = ([], [])
    for number in range(replicates):
        scores = population.draw(np.random.default_rng([41, patients, number]), patients)
        found = fixed_specificity(scores, EvaluateConfig(bootstraps=RESAMPLES), number)[skewed.CLASSES[RARE]]
        for own, figure, true in zip(
            held, (found["sensitivity_at"]["0.9"], found["partial_auc"]), (at, area), strict=True
        ):
            limits = figure["ci95"]
            own.append(np.nan if limits is None else float(limits[0] <= true <= limits[1]))
    return [float(np.nanmean(own)) for own in held]


def gap_lines(replicates: int) -> Iterator[str]:
    """Type I error of gaps, row by row."""
    yield "| patients | subgroups | AUC | alike | gap | all subgroups | withheld |"
    yield "|---" * 7 + "|"
    two, more = ((60, (0.2, 0.8)), (120, (0.15, 0.85)), (300, (0.15, 0.85))), ((120, (0.25,) * 4), (300, (0.125,) * 8))
    for patients, shares in (*two, *more):
        for auc, alike in POPULATIONS:
            found = gap_levels(auc, alike, patients, shares, replicates)
            shown = " | ".join(f"{own:.3f}" for own in found[:2])
            parts = f"{len(shares)}, first {100 * shares[0]:g} %"
            yield f"| {patients} | {parts} | {auc} | {alike} | {shown} | {100 * found[2]:.0f} % |"


def benefit_lines(replicates: int) -> Iterator[str]:
    """Coverage of net benefit, row by row."""
    yield "| patients | AUC | alike | " + " | ".join(f"at {THRESHOLDS[place]:g}" for place in PLACES) + " |"
    yield "|---" * (3 + len(PLACES)) + "|"
    for patients in (20, 40, 120):
        for auc, alike in POPULATIONS:
            shown = " | ".join(f"{own:.3f}" for own in benefit_coverage(auc, alike, patients, replicates))
            yield f"| {patients} | {auc} | {alike} | {shown} |"


def specificity_lines(replicates: int) -> Iterator[str]:
    """Coverage at a fixed specificity, row by row."""
    yield "| patients | AUC | alike | sensitivity at 90 % specificity | partial AUC |"
    yield "|---" * 5 + "|"
    for patients in (20, 40, 120):
        for auc, alike in POPULATIONS:
            shown = " | ".join(f"{own:.3f}" for own in specificity_coverage(auc, alike, patients, replicates))
            yield f"| {patients} | {auc} | {alike} | {shown} |"


TABLES = {"gaps": gap_lines, "benefit": benefit_lines, "specificity": specificity_lines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--only", choices=tuple(TABLES))
    options = parser.parse_args()
    began = time.monotonic()
    for name, lines in TABLES.items():
        if options.only in (None, name):
            print(f"\n{name}: {lines.__doc__}\n")
            for line in lines(options.replicates):
                print(line, flush=True)
    print(f"\n{options.replicates} replicates, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
