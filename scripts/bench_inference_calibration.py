#!/usr/bin/env python
"""Do intervals of calibration figures hold the truth, and does the test of all classes keep its level?

Two kinds of studies. "classes": a patient has a class, probabilities are Bayes' rule of what is read with noise; the
rules were chosen on some of these. "probabilities": probabilities come first (heavy tails in a patient, skewed within),
classes are drawn from them, alike within a patient; nothing was chosen on these. Models are calibrated in both.

python scripts/bench_inference_calibration.py                  # the tables of docs/benchmarks.md, about 10 minutes
python scripts/bench_inference_calibration.py --only band --replicates 100
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy import special

from keras_cwp.evaluation.calibration_line import calibration_line
from keras_cwp.evaluation.multinomial_calibration import multinomial_calibration
from keras_cwp.evaluation.smooth_calibration import smooth_calibration
from keras_cwp.scores import Scores

SURE = 1.7  # factor of the log odds of the model that the test should find
PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the curve as drawn
Held = list[float]


@dataclass(frozen=True)
class Cell:
    """A kind of study.

    Args:
        patients: how many.
        shares: of the classes; the last one is judged where one is.
        alike: share of the noise that ROIs of a patient have in common.
        apart: separation of the classes ("classes"), or spread of the log odds ("probabilities").
        rois: fewest and most of a patient ("classes").
        mixed: share of ROIs with a class of their own ("classes").
        classes_alike: correlation of what decides the classes of a patient; None: the first kind of study.
    """

    patients: int
    shares: tuple[float, ...]
    alike: float
    apart: float = 1.3
    rois: tuple[int, int] = (1, 4)
    mixed: float = 0.0
    classes_alike: float | None = None

    def draw(self, rng: np.random.Generator) -> Scores:
        """Scores of a study."""
        patient, label, found = self._classes(rng) if self.classes_alike is None else self._probabilities(rng)
        names, owners = np.arange(len(patient)).astype(str), patient.astype(str)
        classes = tuple("abcdef"[: len(self.shares)])
        return Scores(classes, names, owners, names, np.zeros(len(patient), dtype=int), label, found)

    def _classes(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        count = len(self.shares)
        patient = np.repeat(np.arange(self.patients), rng.integers(self.rois[0], self.rois[1] + 1, self.patients))
        drawn = rng.choice(count, size=len(patient), p=self.shares)
        label = np.where(
            rng.random(len(patient)) < self.mixed, drawn, rng.choice(count, self.patients, p=self.shares)[patient]
        )
        common = rng.normal(size=(self.patients, count))[patient]
        noise = np.sqrt(self.alike) * common + np.sqrt(1 - self.alike) * rng.normal(size=(len(patient), count))
        logits = self.apart * (self.apart * np.eye(count)[label] + noise) + np.log(self.shares)
        return patient, label, special.softmax(logits, axis=1)

    def _probabilities(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        count = len(self.shares)
        patient = np.repeat(np.arange(self.patients), 1 + rng.binomial(9, rng.beta(0.8, 2.4, self.patients)))
        common = (rng.standard_t(4, (self.patients, count)) / np.sqrt(2))[patient]
        own = (rng.gamma(2.0, 1.0, (len(patient), count)) - 2) / np.sqrt(2)
        noise = np.sqrt(self.alike) * common + np.sqrt(1 - self.alike) * own
        found = special.softmax(self.apart * noise + np.log(self.shares), axis=1)
        linked = self.classes_alike or 0.0
        decides = np.sqrt(linked) * rng.normal(size=self.patients)[patient]
        decides = special.ndtr(decides + np.sqrt(1 - linked) * rng.normal(size=len(patient)))
        return patient, (decides[:, None] > np.cumsum(found, axis=1)[:, :-1]).sum(axis=1), found

    def name(self) -> str:
        """The first columns of a table."""
        shares = ", ".join(f"{100 * share:g}" for share in self.shares)
        kind = "classes" if self.classes_alike is None else "probabilities"
        return f"{kind} | {self.patients} | {shares} % | {self.alike:g} | {self.apart:g}"


ONE_CHOSEN = (
    Cell(20, (0.7, 0.3), 0.9, rois=(3, 8)),
    Cell(30, (0.9, 0.1), 0.5),
    Cell(50, (0.85, 0.15), 0.5, 2.2),
    Cell(60, (0.7, 0.3), 0.5),
    Cell(60, (0.85, 0.15), 0.8, 1.0, (1, 6)),
    Cell(120, (0.85, 0.15), 0.7, rois=(1, 6)),
    Cell(300, (0.95, 0.05), 0.5),
)
ONE_OTHER = (
    Cell(25, (0.75, 0.25), 0.7, 1.7, (2, 6)),
    Cell(40, (0.6, 0.4), 0.2, 2.5, (1, 2)),
    Cell(80, (0.92, 0.08), 0.6, 1.6),
    Cell(20, (0.6, 0.4), 0.6, 1.2, classes_alike=0.6),
    Cell(40, (0.9, 0.1), 0.6, 2.2, classes_alike=0.6),
    Cell(80, (0.88, 0.12), 0.7, 1.5, classes_alike=0.8),
    Cell(250, (0.8, 0.2), 0.4, 2.5, classes_alike=0.2),
)
ALL_CHOSEN = (
    Cell(20, (0.5, 0.3, 0.2), 0.9, rois=(3, 8)),
    Cell(30, (0.6, 0.3, 0.1), 0.5),
    Cell(50, (0.6, 0.3, 0.1), 0.5, 2.2),
    Cell(50, (0.5, 0.5), 0.0, 3.0, (1, 1)),
    Cell(60, (0.7, 0.2, 0.1), 0.8, 1.0, (1, 6)),
    Cell(200, (0.6, 0.3, 0.1), 0.7, rois=(1, 6)),
)
ALL_OTHER = (
    Cell(25, (0.4, 0.35, 0.25), 0.7, 1.7, (2, 6)),
    Cell(80, (0.5, 0.3, 0.12, 0.08), 0.6, 1.5),
    Cell(25, (0.45, 0.3, 0.25), 0.5, 1.0, classes_alike=0.5),
    Cell(45, (0.6, 0.25, 0.15), 0.6, 1.4, classes_alike=0.6),
    Cell(80, (0.4, 0.3, 0.2, 0.1), 0.4, 1.2, classes_alike=0.4),
    Cell(150, (0.7, 0.2, 0.1), 0.7, 1.5, classes_alike=0.8),
)
BAND_CHOSEN = (
    Cell(40, (0.7, 0.3), 0.9, rois=(3, 8)),
    Cell(60, (0.5, 0.5), 0.3, 1.0, (1, 3)),
    Cell(60, (0.8, 0.2), 0.5, 2.0),
    Cell(120, (0.85, 0.15), 0.0, rois=(1, 1)),
    Cell(120, (0.85, 0.15), 0.7, rois=(1, 6)),
    Cell(300, (0.85, 0.15), 0.5),
)
BAND_OTHER = (
    Cell(50, (0.65, 0.35), 0.6, 1.6, (2, 5)),
    Cell(150, (0.9, 0.1), 0.4, 1.6),
    Cell(40, (0.6, 0.4), 0.6, 1.2, classes_alike=0.6),
    Cell(80, (0.8, 0.2), 0.3, 1.5, classes_alike=0.3),
    Cell(120, (0.88, 0.12), 0.6, 2.2, classes_alike=0.6),
    Cell(300, (0.7, 0.3), 0.7, 1.5, classes_alike=0.8),
)


def studies(cell: Cell, replicates: int) -> Iterator[Scores]:
    """Studies of a cell that have all classes."""
    for number in range(replicates):
        scores = cell.draw(np.random.default_rng([29, cell.patients, number]))
        if len(np.unique(scores.label)) == len(cell.shares):
            yield scores


def of_one(cell: Cell, replicates: int) -> dict[str, Held]:
    """Of intercept and slope of the last class: coverage, share with a lower limit only, share without any."""
    truth, column = {"intercept": 0.0, "slope": 1.0}, len(cell.shares) - 1
    limits: dict[str, list[tuple[float, float]]] = {name: [] for name in truth}
    for scores in studies(cell, replicates):
        found = calibration_line(scores.label == column, scores.probabilities[:, column], scores.patient_id)
        for name in truth:
            limits[name].append(_limits(found[name]))
    return {name: _held(np.array(own), truth[name]) for name, own in limits.items()}


def of_all(cell: Cell, replicates: int) -> dict[str, Held]:
    """Coverage of the intercepts and slopes (worst class), share rejected when calibrated and when too sure, no p."""
    limits: list[list[tuple[float, float]]] = []
    p: list[tuple[float, float]] = []
    for scores in studies(cell, replicates):
        found = multinomial_calibration(scores)
        limits.append([_limits(own) for what in ("intercepts", "slopes") for own in found[what].values()])
        sure = special.softmax(SURE * np.log(scores.probabilities), axis=1)
        other = multinomial_calibration(
            Scores(scores.classes, scores.roi_id, scores.patient_id, scores.image, scores.fold, scores.label, sure)
        )
        p.append(tuple(np.nan if own["p"] is None else own["p"] for own in (found, other)))  # type: ignore[arg-type]
    own, count, tests = np.array(limits), len(cell.shares) - 1, np.array(p)
    held = [_held(own[:, place], float(place >= count)) for place in range(2 * count)]
    given = ~np.isnan(tests[:, 0])
    return {
        "intercepts": min(held[:count]),
        "slopes": min(held[count:]),
        "test": [*(float((tests[given, kind] < 0.05).mean()) for kind in (0, 1)), float(1 - given.mean())],
    }


def of_band(cell: Cell, replicates: int) -> dict[str, Held]:
    """Coverage over the curve and at five places of it; share of studies without one, where it begins, its width."""
    column, inside, starts, widths, total = len(cell.shares) - 1, [], [], [], 0
    for scores in studies(cell, replicates):
        total += 1
        curve = smooth_calibration(scores.label == column, scores.probabilities[:, column], scores.patient_id)
        if curve is not None:
            held = (curve.lower <= curve.given) & (curve.given <= curve.upper)
            last = len(held) - 1
            inside.append([held.mean(), *(float(held[round(place * last)]) for place in PLACES)])
            starts.append(curve.given[0])
            widths.append(np.median(curve.upper - curve.lower))
    if not inside:
        return {"band": [np.nan] * (len(PLACES) + 1), "drawn": [1.0, np.nan, np.nan]}
    drawn = [1 - len(inside) / total, float(np.median(starts)), float(np.median(widths))]
    return {"band": np.mean(inside, axis=0).tolist(), "drawn": drawn}


def _limits(figure: dict) -> tuple[float, float]:  # type: ignore[type-arg]
    if figure["ci95"] is not None:
        return figure["ci95"][0], figure["ci95"][1]
    return (figure["at_least"], np.inf) if "at_least" in figure else (np.nan, np.nan)


def _held(limits: np.ndarray, truth: float) -> Held:
    given = limits[~np.isnan(limits[:, 0])]
    inside = (given[:, 0] <= truth) & (truth <= given[:, 1])
    return [float(inside.mean()), float(np.isinf(given[:, 1]).sum() / len(limits)), 1 - len(given) / len(limits)]


TABLES: dict[str, tuple[Callable[[Cell, int], dict[str, Held]], Sequence[Cell], Sequence[Cell], str]] = {
    "one": (of_one, ONE_CHOSEN, ONE_OTHER, "intercept, lower limit only, none | slope, lower limit only, none"),
    "all": (of_all, ALL_CHOSEN, ALL_OTHER, "intercepts, –, none | slopes, –, none | calibrated, too sure, no p"),
    "band": (of_band, BAND_CHOSEN, BAND_OTHER, "mean, begin, ¼, ½, ¾, end | no curve, from, width"),
}


def lines(name: str, replicates: int) -> Iterator[str]:
    """A table as Markdown, row by row."""
    judge, chosen, other, header = TABLES[name]
    yield f"| chosen on | kind | patients | shares | alike | separation | {header} |"
    yield "|---" * (6 + header.count("|") + 1) + "|"
    for label, cells in (("yes", chosen), ("no", other)):
        for cell in cells:
            shown = (", ".join(f"{value:.3f}" for value in own) for own in judge(cell, replicates).values())
            yield f"| {label} | {cell.name()} | " + " | ".join(shown) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--only", choices=tuple(TABLES))
    options = parser.parse_args()
    began = time.monotonic()
    for name in [options.only] if options.only else TABLES:
        for line in lines(name, options.replicates):
            print(line, flush=True)
        print()
    print(f"{options.replicates} studies of each cell, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
