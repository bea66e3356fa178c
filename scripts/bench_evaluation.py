#!/usr/bin/env python
"""Time of the two computations that issue 5 sets goals for, on one core.

python scripts/bench_evaluation.py
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before NumPy: one core

import time
from collections.abc import Callable

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.delong import clustered_delong, delong
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.resampling import resample
from keras_cwp.evaluation.roi_metrics import roi_figures, roi_statistic
from keras_cwp.scores import Scores

ROUNDS = 5


def main() -> None:
    rng = np.random.default_rng(0)
    positive, score = rng.random(100_000) < 0.3, np.round(rng.normal(size=(100_000, 1)), 4)
    patients = rng.integers(20_000, size=100_000)
    scores, config = _scores(rng), EvaluateConfig(bootstraps=2000)
    statistic = roi_statistic(scores)
    _report("DeLong, 100,000 scores (goal 0.2 s)", lambda: delong(positive, score))
    _report(
        "DeLong clustered, 100,000 scores of 20,000 patients", lambda: clustered_delong(positive, score[:, 0], patients)
    )
    _report(
        "2,000 patient bootstraps of all figures of 1,000 ROIs (goal 5 s)",
        lambda: resample(statistic, scores.patient_id, resamples=2000, seed=0),
    )
    _report("all figures of 1,000 ROIs with score intervals", lambda: roi_figures(scores, config, 0))
    _report("evaluate, 1,000 ROIs in five folds, every level", lambda: evaluate(scores, config, 0))


def _scores(rng: np.random.Generator) -> Scores:
    patient, label = np.repeat(np.arange(250), 4), rng.integers(3, size=1000)
    probabilities = rng.dirichlet(np.ones(3), 1000) * 0.5 + np.eye(3)[label] * 0.5
    names = np.arange(1000).astype(str)
    return Scores(("a", "b", "c"), names, patient.astype(str), names, patient % 5, label, probabilities)


def _report(name: str, call: Callable[[], object]) -> None:
    seconds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        call()
        seconds.append(time.process_time() - began)
    print(f"{min(seconds):7.3f} s  {name}")


if __name__ == "__main__":
    main()
