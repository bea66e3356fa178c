"""Macro AUC against the number of training patients: by probes of two kinds of weights, fine-tuned, from scratch,
by the mean of two networks (train.mode ensemble), and by the rule that chooses (train.mode auto).

    PYTHONPATH=. python scripts/bench_learning_curve.py DATA OUT [--patients 50 --patients 100 …] [--only fine_tuned]

DATA is a prepared data set of many patients. A fifth of the patients, the same for all, is judged on. Trainings see the
first n of the others in a fixed order. Prints a table and writes OUT/curve.csv; what is finished is kept.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from keras_cwp.config import Config, load_config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.scores import Scores
from keras_cwp.training.admit import by_steps
from keras_cwp.training.inference import as_scores, forward, predict_probabilities
from keras_cwp.training.network import train_network

PATIENTS = (50, 100, 200, 400, 800, 1600)
# Name → packaged settings and what is changed in them.
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "probe": ("probe", {}),
    "probe_cxr": ("default", {"train.mode": "probe"}),
    "fine_tuned": ("default", {}),
    "scratch": ("scratch", {}),
    "ensemble": ("ensemble", {}),
    "auto": ("auto", {}),
}
_JUDGED = 0.2


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, action="append")
    parser.add_argument("--only", choices=METHODS, action="append")
    given = parser.parse_args()
    data = PreparedData.open(given.data)
    names, patient = np.unique(data.patients, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(names))
    judged = np.flatnonzero(np.isin(patient, order[: round(_JUDGED * len(names))]))
    others = order[round(_JUDGED * len(names)) :]
    print(f"{len(judged)} ROIs of {round(_JUDGED * len(names))} patients are judged on")
    rows = []
    for count in given.patients or PATIENTS:
        training = np.flatnonzero(np.isin(patient, others[:count]))
        for method in given.only or METHODS:
            began = time.monotonic()
            scores = _scores(data, training, judged, method, given.out / f"{method}_{count}")
            area = evaluate(scores, load_config("default").evaluate, 0)["auc"]["macro"]
            low, high = area["ci95"] or (float("nan"),) * 2
            rows.append([method, count, len(training), f"{area['value']:.4f}", f"{low:.4f}", f"{high:.4f}"])
            print(*rows[-1], f"{time.monotonic() - began:.0f} s", flush=True)
    with open(given.out / "curve.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["method", "patients", "rois", "macro_auc", "low", "high"])
        writer.writerows(rows)


def _scores(data: PreparedData, training: np.ndarray, judged: np.ndarray, method: str, folder: Path) -> Scores:
    """Of the patients that are judged on."""
    path = folder / "scores.csv"
    if path.is_file():
        return Scores.from_csv(path)
    config = _config(method, len(training))
    network = train_network(data, training, training[:0], config, 0, folder, Console(file=sys.stderr), method)
    found = as_scores(data, judged, predict_probabilities(forward(network), data, judged, config.evaluate.tta))
    found.to_csv(path)
    return found


def _config(method: str, rois: int) -> Config:
    config = load_config(*METHODS[method])
    if config.train.steps is None:
        return config
    return config.model_copy(update={"train": by_steps(config.train, rois)})


if __name__ == "__main__":
    main()
