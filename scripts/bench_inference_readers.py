#!/usr/bin/env python
"""Do the figures about readers hold? Level of the tests of readers and model, coverage of agreement's intervals.

Readers' ratings follow Roe and Metz: a reader's rating of a ROI is what its class adds, plus what the reader adds, plus
what the ROI shows to every reader, plus what it shows to this one. Part of what ROIs show is common to a patient. The
model rates without an effect of its own and is as good as the readers are on average, so that every difference that a
test sees is a false one.

python scripts/bench_inference_readers.py             # the tables of docs/benchmarks.md, about an hour
python scripts/bench_inference_readers.py --quick     # a small form with wide bounds, which a test runs

Reference: Roe and Metz, Academic Radiology 4 (1997) 298-303.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy import special

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.beside_readers import Beside, across_all
from keras_cwp.evaluation.estimates import area_of, proportion_of
from keras_cwp.evaluation.flips import auc_amounts
from keras_cwp.evaluation.mrmc import between_modalities, covariances
from keras_cwp.evaluation.readers import reader_agreement

MOST_ROIS = 4
TRUTH_PATIENTS = 20_000  # of each of four studies whose mean is the truth
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
        rois: fewest and most ROIs of a patient, where there are several.
    """

    readers: int
    patients: int
    auc: float
    reader_variance: float = 0.01
    shared: float = 0.4
    alike: float | None = None
    rois: tuple[int, int] = (1, MOST_ROIS)

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


CLUSTERED = [Study(r, n, 0.85, 0.02, alike=0.5) for n in (30, 60, 120) for r in (3, 5)]
CLUSTERED += [Study(r, 50, 0.85, 0.02, alike=0.7, rois=(2, 3)) for r in (3, 5)]
UNCLUSTERED = [
    Study(readers, patients, auc, variance)
    for readers in (3, 5, 10)
    for patients in (50, 100)
    for auc in (0.75, 0.9)
    for variance in (0.005, 0.05)
]


def draw(study: Study, rng: np.random.Generator) -> Drawn:
    """One study, with two modalities that are equally good."""
    fewest, most = (1, 1) if study.alike is None else study.rois
    rois = rng.integers(fewest, most + 1, study.patients)
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
    found["model, AUC"] = across_all(
        [
            Beside(
                area,
                model,
                auc_amounts(drawn.positive, drawn.model, own, drawn.patient, study.patients),
                len(drawn.patient),
            )
            for area, own in zip(areas[0], drawn.ratings[0], strict=True)
        ]
    )["p"]
    patient = drawn.patient[drawn.positive]
    # The model calls as often as a reader does on average over readers.
    cut = study.separation() / 2 / np.sqrt(1 + study.reader_variance)
    by_model = drawn.model[drawn.positive] > study.model_separation() - cut
    found["model, sensitivity"] = across_all(
        [
            Beside(
                proportion_of(own, patient, study.patients),
                proportion_of(by_model, patient, study.patients),
                np.bincount(patient, weights=(by_model * 1.0 - own) / len(patient), minlength=study.patients),
                len(patient),
            )
            for own in drawn.ratings[0][:, drawn.positive] > study.separation() / 2
        ]
    )["p"]
    return {name: np.nan if p is None else p for name, p in found.items()}


def level_lines(replicates: int, quick: bool) -> Iterator[str]:
    """Share of p values below .05, row by row, as Markdown."""
    names = ("two modalities", "model, AUC", "model, sensitivity")
    yield "| readers | patients | AUC | readers vary by | ROIs of a patient, alike | " + " | ".join(names) + " |"
    yield "|---" * (5 + len(names)) + "|"
    for study in CLUSTERED[:1] if quick else (*CLUSTERED, *UNCLUSTERED):
        drawn = [p_values(study, np.random.default_rng([23, number])) for number in range(replicates)]
        shares = [np.mean([own[name] < 0.05 for own in drawn]) for name in names]
        alike = "1" if study.alike is None else f"{study.rois[0]} to {study.rois[1]}, {study.alike}"
        yield (
            f"| {study.readers} | {study.patients} | {study.auc} | {study.reader_variance} | {alike} | "
            + " | ".join(f"{share:.3f}" for share in shares)
            + " |"
        )


@dataclass(frozen=True)
class Labelling:
    """A population of ROIs that three readers label.

    Args:
        patients: in a study.
        right: share of labels that are right, on average; hard patients are hard for all readers.
        shares: of the classes, in their order. A wrong label is one rank off.
        alike: share of ROIs that have their patient's own class.
        most: ROIs of a patient, from 1.
    """

    patients: int
    right: float
    shares: tuple[float, ...] = (0.55, 0.3, 0.15)
    alike: float = 0.7
    most: int = MOST_ROIS


# The rule was chosen on the first of these, and on rare classes, two and four classes, and one ROI a patient.
CHOSEN_ON = [Labelling(n, right) for n in (20, 30, 60, 120) for right in (0.6, 0.8, 0.95)]
OTHERS = [
    own
    for n in (20, 30, 60)
    for own in (
        Labelling(n, 0.7, (0.7, 0.2, 0.1), 0.9, 6),
        Labelling(n, 0.9, (0.34, 0.33, 0.33), 0.3, 3),
        Labelling(n, 0.85, (0.4, 0.3, 0.2, 0.1), 0.6, 1),
        Labelling(n, 0.95, (0.8, 0.12, 0.08), 0.5, 2),
    )
]


def draw_labels(rng: np.random.Generator, study: Labelling) -> tuple[np.ndarray, np.ndarray]:
    """Labels int [rois, 3] of three readers, and patients str [rois]."""
    patients, shares, right = study.patients, study.shares, study.right
    patient = np.repeat(np.arange(patients), rng.integers(1, study.most + 1, patients))
    own = rng.choice(len(shares), size=patients, p=shares)
    other = rng.choice(len(shares), len(patient), p=shares)
    truth = np.where(rng.random(len(patient)) < study.alike, own[patient], other)
    ease = rng.beta(2 * right, 2 * (1 - right), patients)[patient]
    hit = rng.random((len(patient), 3)) < ease[:, None]
    beside = np.clip(truth[:, None] + rng.choice((-1, 1), size=hit.shape), 0, len(shares) - 1)
    return np.where(hit, truth[:, None], beside), patient.astype(str)


def agreement_lines(replicates: int, quick: bool, cells: Sequence[Labelling] = CHOSEN_ON) -> Iterator[str]:
    """Share of 95 % intervals that hold the truth, row by row, as Markdown."""
    names = ("Fleiss", "alpha", "alpha, ordinal", "kappa", "kappa, quadratic", "same label")
    yield "| patients | right | classes | alike | ROIs | " + " | ".join(names) + " |"
    yield "|---" * (5 + len(names)) + "|"
    for study in cells[4:5] if quick else cells:
        many = replace(study, patients=TRUTH_PATIENTS)
        drawn = [_agreed(np.random.default_rng([3, number]), many, whole=True) for number in range(1 if quick else 4)]
        truth = np.mean([[own["value"] for own in found] for found in drawn], axis=0)
        inside = []
        for number in range(replicates):
            found = _agreed(np.random.default_rng([31, study.patients, number]), study)
            inside.append([_holds(own["ci95"], real) for own, real in zip(found, truth, strict=True)])
        shares = [_cell(column) for column in np.array(inside).T]
        classes = "/".join(f"{100 * share:.0f}" for share in study.shares)
        setting = f"{study.patients} | {study.right} | {classes} | {study.alike} | 1 to {study.most}"
        yield f"| {setting} | " + " | ".join(shares) + " |"


def _agreed(rng: np.random.Generator, study: Labelling, *, whole: bool = False) -> list[dict]:
    """The figures of a study; `whole`: without intervals, quickly."""
    classes = tuple("abcdef"[: len(study.shares)])
    labels, patients = draw_labels(rng, study)
    found = reader_agreement(labels, np.zeros_like(patients) if whole else patients, classes, CONFIG, order=classes)
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
    parser.add_argument("--others", action="store_true", help="agreement in cells that no rule was chosen on")
    options = parser.parse_args()
    replicates = min(options.replicates, 200) if options.quick else options.replicates
    began = time.monotonic()
    if options.only != "agreement":
        print("Type I error at .05\n")
        for line in level_lines(replicates, options.quick):
            print(line, flush=True)
    if options.only != "level":
        print("\nCoverage of 95 % intervals of agreement between three readers\n")
        for line in agreement_lines(max(replicates // 4, 1), options.quick, OTHERS if options.others else CHOSEN_ON):
            print(line, flush=True)
    print(f"\n{replicates} replicates, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
