#!/usr/bin/env python
"""Do the figures about readers hold? Level of the tests of readers and model, coverage of agreement's intervals.

Readers' ratings follow Roe and Metz: a reader's rating of a ROI is what its class adds, plus what the reader adds, plus
what the ROI shows to every reader, plus what it shows to this one. Part of what ROIs show is common to a patient. The
model rates without an effect of its own and is as good as the readers are on average, so that every difference that a
test sees is a false one.

python scripts/bench_inference_readers.py             # the tables of docs/benchmarks.md, about ten minutes
python scripts/bench_inference_readers.py --quick     # a small form with wide bounds, which a test runs

Reference: Roe and Metz, Academic Radiology 4 (1997) 298-303.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy import special

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.estimates import area_of, proportion_of
from keras_cwp.evaluation.mrmc import across_readers, between_modalities, covariances
from keras_cwp.evaluation.readers import reader_agreement

CLASSES = ("normal", "small", "large")
MOST_ROIS = 4
CONFIG = EvaluateConfig()


@dataclass(frozen=True)
class Study:
    """A population of readers and patients.

    Args:
        readers, patients: drawn; half of the patients have the disease.
        auc: of a reader, on average over readers.
        reader_variance: of what a reader adds to a ROI of each class.
        shared: share of the ROI's variance that every reader sees.
        alike: share of that which ROIs of a patient have in common; None: one ROI a patient.
    """

    readers: int
    patients: int
    auc: float
    reader_variance: float = 0.01
    shared: float = 0.4
    alike: float | None = None

    def separation(self) -> float:
        """Distance of the classes for readers; a reader's own shift makes the mean AUC lower."""
        return float(special.ndtri(self.auc) * np.sqrt(2 + 2 * self.reader_variance))

    def model_separation(self) -> float:
        """Distance for a model with the readers' mean AUC."""
        return float(special.ndtri(self.auc) * np.sqrt(2))


@dataclass(frozen=True, eq=False)
class Drawn:
    """A study: int patient, bool positive [rois]; ratings float [modalities, readers, rois]; the model's [rois]."""

    patient: np.ndarray
    positive: np.ndarray
    ratings: np.ndarray
    model: np.ndarray


def draw(study: Study, rng: np.random.Generator) -> Drawn:
    """One study, with two modalities that are equally good."""
    rois = np.ones(study.patients, int) if study.alike is None else rng.integers(1, MOST_ROIS + 1, study.patients)
    patient = np.repeat(np.arange(study.patients), rois)
    positive = (np.arange(study.patients) < study.patients // 2)[patient]
    many, alike = len(patient), study.alike or 0.0

    def seen(*shape: int) -> np.ndarray:
        common = rng.normal(size=(*shape, study.patients))[..., patient]
        return np.sqrt(alike) * common + np.sqrt(1 - alike) * rng.normal(size=(*shape, many))

    case = np.sqrt(study.shared / 2) * seen() + np.sqrt(study.shared / 2) * seen(2, 1)
    own = np.sqrt(1 - study.shared) * seen(2, study.readers)
    # Half of what a reader adds stays the same in both modalities.
    shift = sum(np.sqrt(study.reader_variance / 2) * rng.normal(size=(m, study.readers, 2)) for m in (1, 2))
    ratings = study.separation() * positive + np.where(positive, shift[..., :1], shift[..., 1:]) + case + own
    model = study.model_separation() * positive + case[0, 0] + np.sqrt(1 - study.shared) * seen()
    return Drawn(patient, positive, ratings, model)


def p_values(study: Study, rng: np.random.Generator) -> dict[str, float]:
    """p of each test on one study, where nothing differs."""
    drawn = draw(study, rng)
    areas = [[area_of(drawn.positive, own, drawn.patient, study.patients) for own in one] for one in drawn.ratings]
    model = area_of(drawn.positive, drawn.model, drawn.patient, study.patients)
    flat = [*areas[0], *areas[1]]
    values = np.array([own.value for own in flat]).reshape(2, study.readers)
    shape = (2, study.readers, 2, study.readers)
    cases = min(own.freedom for own in flat)
    found = {"two modalities": between_modalities(values, covariances(flat).reshape(shape), cases).p()}
    found["model, AUC"] = _beside([*areas[0], model])
    rows = drawn.positive
    called = [own[rows] > study.separation() / 2 for own in drawn.ratings[0]]
    # The model calls as often as a reader does on average over readers.
    cut = study.separation() / 2 / np.sqrt(1 + study.reader_variance)
    called.append(drawn.model[rows] > study.model_separation() - cut)
    parts = [proportion_of(own, drawn.patient[rows], study.patients) for own in called]
    found["model, sensitivity"] = _beside(parts)
    return {name: np.nan if p is None else p for name, p in found.items()}


def _beside(figures: list) -> float | None:
    """p of the readers against the model, who stands last."""
    covariance, values = covariances(figures), np.array([own.value for own in figures])
    minus = np.eye(len(figures) - 1, len(figures))
    minus[:, -1] = -1
    cases = min(own.freedom for own in figures)
    return across_readers(minus @ values, minus @ covariance @ minus.T, cases).p()


def level_lines(replicates: int, quick: bool) -> Iterator[str]:
    """Share of p values below .05, row by row, as Markdown."""
    names = ("two modalities", "model, AUC", "model, sensitivity")
    yield "| readers | patients | AUC | readers vary by | ROIs of a patient alike | " + " | ".join(names) + " |"
    yield "|---" * (5 + len(names)) + "|"
    cells = [Study(5, 50, 0.9, 0.005), Study(3, 50, 0.75, 0.05), Study(3, 30, 0.85, 0.02, alike=0.5)]
    cells += [Study(5, 60, 0.85, 0.02, alike=0.5), Study(10, 50, 0.9, 0.05), Study(5, 100, 0.75, 0.005)]
    cells += [Study(3, 100, 0.9, 0.05), Study(10, 100, 0.75, 0.05), Study(3, 120, 0.85, 0.02, alike=0.5)]
    for study in cells[2:3] if quick else cells:
        drawn = [p_values(study, np.random.default_rng([23, number])) for number in range(replicates)]
        shares = [np.mean([own[name] < 0.05 for own in drawn]) for name in names]
        alike = "one ROI" if study.alike is None else f"{study.alike}"
        yield (
            f"| {study.readers} | {study.patients} | {study.auc} | {study.reader_variance} | {alike} | "
            + " | ".join(f"{share:.3f}" for share in shares)
            + " |"
        )


def draw_labels(rng: np.random.Generator, patients: int, right: float, alike: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels int [rois, 3] of three readers; hard patients are hard for all. And patients str [rois]."""
    patient = np.repeat(np.arange(patients), rng.integers(1, MOST_ROIS + 1, patients))
    own = rng.choice(3, size=patients, p=(0.55, 0.3, 0.15))
    truth = np.where(rng.random(len(patient)) < alike, own[patient], rng.choice(3, len(patient), p=(0.55, 0.3, 0.15)))
    ease = rng.beta(2 * right, 2 * (1 - right), patients)[patient]
    hit = rng.random((len(patient), 3)) < ease[:, None]
    beside = np.clip(truth[:, None] + rng.choice((-1, 1), size=hit.shape), 0, 2)
    return np.where(hit, truth[:, None], beside), patient.astype(str)


def agreement_lines(replicates: int, quick: bool) -> Iterator[str]:
    """Share of 95 % intervals that hold the truth, row by row, as Markdown."""
    names = ("Fleiss", "alpha", "alpha, ordinal", "kappa", "kappa, quadratic", "agreement")
    yield "| patients | right | " + " | ".join(names) + " |"
    yield "|---" * (2 + len(names)) + "|"
    cells = [(n, right) for n in (20, 30, 60, 120) for right in (0.6, 0.8, 0.95)]
    for patients, right in cells[4:5] if quick else cells:
        truth = _agreed(np.random.default_rng(3), 4000 if quick else 20000, right)
        inside = []
        for number in range(replicates):
            found = _agreed(np.random.default_rng([29, patients, number]), patients, right)
            inside.append([_holds(own["ci95"], real["value"]) for own, real in zip(found, truth, strict=True)])
        shares = [_cell(column) for column in np.array(inside).T]
        yield f"| {patients} | {right} | " + " | ".join(shares) + " |"


def _agreed(rng: np.random.Generator, patients: int, right: float) -> list[dict]:
    found = reader_agreement(*draw_labels(rng, patients, right, 0.7), CLASSES, CONFIG, order=CLASSES)
    pair = found["pairs"][0]
    return [
        found["fleiss"],
        found["alpha"],
        found["alpha_ordinal"],
        pair["unweighted"],
        pair["quadratic"],
        pair["agreement"],
    ]


def _holds(limits: list[float] | None, truth: float) -> float:
    return np.nan if limits is None else float(limits[0] <= truth <= limits[1])


def _cell(column: np.ndarray) -> str:
    withheld = float(np.isnan(column).mean())
    return f"{np.nanmean(column):.3f}" + (f" ({100 * withheld:.0f} % none)" if withheld >= 0.005 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one cell of each table")
    parser.add_argument("--replicates", type=int, default=2000, help="studies; a quarter of them for agreement")
    parser.add_argument("--only", choices=("level", "agreement"))
    options = parser.parse_args()
    replicates = min(options.replicates, 200) if options.quick else options.replicates
    began = time.monotonic()
    if options.only != "agreement":
        print("Type I error at .05\n")
        for line in level_lines(replicates, options.quick):
            print(line, flush=True)
    if options.only != "level":
        print("\nCoverage of 95 % intervals of agreement between three readers\n")
        for line in agreement_lines(max(replicates // 4, 1), options.quick):
            print(line, flush=True)
    print(f"\n{replicates} replicates, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
