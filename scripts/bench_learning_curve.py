"""Macro AUC against the number of training patients: by probes of two kinds of weights, fine-tuned, from scratch,
by the mean of two networks (train.mode ensemble), and by the rule that chooses (train.mode auto).

    PYTHONPATH=. python scripts/bench_learning_curve.py DATA OUT [--patients 50 --patients 100 …] [--only fine_tuned]
        [--picture docs/learning_curve.png]

DATA is a prepared data set of many patients. A fifth of the patients, the same for all, is judged on. Trainings see the
first n of the others in a fixed order. "mean" trains nothing: it is the mean of the probabilities of probe and
fine_tuned. Prints a table and writes OUT/curve.csv; what is finished is kept.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console

from keras_cwp.config import Config, load_config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.models.forward import forward
from keras_cwp.report.plotting import DASHES, PAPER, SERIES, style
from keras_cwp.scores import Scores
from keras_cwp.training.admit import by_steps
from keras_cwp.training.inference import as_scores, predict_probabilities
from keras_cwp.training.network import train_network

PATIENTS = (50, 100, 200, 400, 800, 1600)
# Name → packaged settings and what is changed in them.
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "probe": ("probe", {}),
    "probe_views": ("probe", {"evaluate.tta": 8}),  # as many views as the other methods have
    "probe_cxr": ("default", {"train.mode": "probe"}),
    "fine_tuned": ("default", {}),
    "scratch": ("scratch", {}),
    "ensemble": ("ensemble", {}),
    "mean": ("ensemble", {}),
    "auto": ("auto", {}),
}
_SAID = {
    "probe": "probe of ImageNet features",
    "probe_views": "probe of ImageNet features, eight views",
    "probe_cxr": "probe of cxr",
    "fine_tuned": "cxr fine-tuned (default)",
    "scratch": "from random weights",
    "mean": "mean of the probe and the fine-tuned network",
}
_JUDGED = 0.2
_SIZE_IN, _DPI = (7.0, 4.0), 110


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, action="append")
    parser.add_argument("--only", choices=METHODS, action="append")
    parser.add_argument("--picture", type=Path, help="PNG of the curves with their 95 % bands")
    given = parser.parse_args()
    data = PreparedData.open(given.data)
    names, patient = np.unique(data.patients, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(names))
    judged = np.flatnonzero(np.isin(patient, order[: round(_JUDGED * len(names))]))
    others = order[round(_JUDGED * len(names)) :]
    print(f"{len(judged)} ROIs of {round(_JUDGED * len(names))} patients are judged on")
    rows: list[tuple[str, int, int, float, float, float]] = []
    for count in given.patients or PATIENTS:
        training = np.flatnonzero(np.isin(patient, others[:count]))
        for method in given.only or METHODS:
            began = time.monotonic()
            scores = _scores(data, training, judged, method, given.out / f"{method}_{count}")
            area = evaluate(scores, load_config("default").evaluate, 0)["auc"]["macro"]
            low, high = area["ci95"] or (float("nan"),) * 2
            rows.append((method, count, len(training), area["value"], low, high))
            print(*_as_text(rows[-1]), f"{time.monotonic() - began:.0f} s", flush=True)
    with open(given.out / "curve.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["method", "patients", "rois", "macro_auc", "low", "high"])
        writer.writerows(map(_as_text, rows))
    if given.picture:
        _draw(rows, given.picture)


def _as_text(row: tuple[str, int, int, float, float, float]) -> list[str]:
    return [str(value) for value in row[:3]] + [f"{value:.4f}" for value in row[3:]]


def _draw(rows: list[tuple[str, int, int, float, float, float]], path: Path) -> None:
    counts = sorted({row[1] for row in rows})
    with style():
        figure = Figure(figsize=_SIZE_IN, layout="constrained", facecolor=PAPER)
        axes = figure.subplots()
        for number, method in enumerate(dict.fromkeys(row[0] for row in rows)):
            _, at, _, value, low, high = zip(*(row for row in rows if row[0] == method), strict=True)
            axes.fill_between(at, low, high, color=SERIES[number], alpha=0.12, linewidth=0)
            axes.plot(at, value, "o", color=SERIES[number], linestyle=DASHES[number], label=_SAID.get(method, method))
        axes.set_xscale("log")
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        axes.minorticks_off()
        axes.set_xlabel("training patients")
        axes.set_ylabel("macro AUC of other patients")
        axes.legend(loc="lower right", title="band: 95 % interval over the patients that are judged on")
        FigureCanvasAgg(figure).print_figure(path, format="png", dpi=_DPI, facecolor=PAPER)


def _scores(data: PreparedData, training: np.ndarray, judged: np.ndarray, method: str, folder: Path) -> Scores:
    """Of the patients that are judged on."""
    path = folder / "scores.csv"
    if path.is_file():
        return Scores.from_csv(path)
    if method == "mean":
        return _mean(folder)
    config = _config(method, len(training))
    network = train_network(data, training, training[:0], config, 0, folder, Console(file=sys.stderr), method)
    found = as_scores(data, judged, predict_probabilities(forward(network), data, judged, config.evaluate.tta))
    found.to_csv(path)
    return found


def _mean(folder: Path) -> Scores:
    count = folder.name.rpartition("_")[2]
    probe, tuned = (
        Scores.from_csv(folder.with_name(f"{name}_{count}") / "scores.csv") for name in ("probe", "fine_tuned")
    )
    return replace(probe, probabilities=(probe.probabilities + tuned.probabilities) / 2)


def _config(method: str, rois: int) -> Config:
    config = load_config(*METHODS[method])
    if config.train.steps is None:
        return config
    return config.model_copy(update={"train": by_steps(config.train, rois)})


if __name__ == "__main__":
    main()
