"""How well little data is learnt from: from scratch, by probes, and fine-tuned, on the same folds with patients apart.

    PYTHONPATH=. python scripts/bench_accuracy.py SHARED OUT [--set cwp_sim] [--weights FILE] [--seeds 3] [--only probe]

Methods: a network from random weights (config scratch), the same with simulated opacities in normal training ROIs
(scratch_opacities, not for whole images), a probe of ImageNet features (probe), a probe of the shipped
weights (probe_cxr), these fine-tuned (config default), the weighted mean of that and of the probe of ImageNet features
(ensemble), and what train.mode auto chooses in each fold (auto).

Makes OUT/SET_SEED/METHOD runs and prints a table of macro AUCs; what is finished is kept. The pediatric set is a draw
of 360 patients, the same for every method and seed. Nothing is tuned here: methods are rows of METHODS.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
from pathlib import Path
from typing import Any

import keras_cwp as cwp
from keras_cwp.training.run import RunFolder

PEDIATRIC_PATIENTS = 360
# Settings by method.
METHODS: dict[str, dict[str, Any]] = {
    "scratch": {"config": "scratch"},
    "scratch_opacities": {"config": "scratch", "augment.policy": "paper_mix_opacities"},
    "probe": {"config": "probe"},
    "probe_cxr": {"config": "default", "mode": "probe", "tta": 1},
    "fine_tuned": {"config": "default"},
    "ensemble": {"config": "ensemble"},
    "auto": {"config": "auto"},
}
SETS = ("cwp_sim", "pediatric_360")


def main() -> None:
    """Prepare, cross-validate, print."""
    given = _arguments()
    print(f"{'set':<15}{'seed':>5}  {'method':<12}{'macro AUC':>24}{'seconds':>9}")
    for name in given.set or SETS:
        data = _prepared(name, given.shared, given.out)
        for seed in range(given.seeds):
            split = None
            for method in given.only or METHODS:
                if method == "scratch_opacities" and name != "cwp_sim":
                    continue  # they are laid into regions
                run = _run(data, method, seed, given, given.out / f"{name}_{seed}" / method, split)
                split = run.path / "split.csv"  # the first method draws the folds of all
                _print(name, seed, method, run)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, help="folder with data/")
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", action="append", choices=SETS)
    parser.add_argument("--only", action="append", choices=METHODS, help="a method; repeat it")
    parser.add_argument("--weights", type=Path, help="instead of the shipped ones")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="processes for folds")
    return parser.parse_args()


def _prepared(name: str, shared: Path, out: Path) -> Any:
    folder = out / f"{name}_data"
    if folder.is_dir():
        return cwp.open_data(folder)
    if name == "cwp_sim":
        source = shared / "data" / "cwp_sim"
        table, images = source / "rois.csv", source / "images"
    else:
        source = shared / "data" / "pediatric_cxr"
        table, images = _drawn(source / "labels.csv", out / f"{name}.csv"), source / "images"
    return cwp.prepare(table, images=images, out=folder, image_size="auto")


def _drawn(labels: Path, out: Path) -> Path:
    """The ROI table of a fixed draw of patients."""
    with open(labels, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    patients = sorted({row["patient_id"] for row in rows})
    random.Random(0).shuffle(patients)
    chosen = set(patients[:PEDIATRIC_PATIENTS])
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if row["patient_id"] in chosen)
    return out


def _run(data: Any, method: str, seed: int, given: argparse.Namespace, out: Path, split: Path | None) -> cwp.Run:
    if RunFolder(out).complete:
        return cwp.Run(out)
    settings = dict(METHODS[method])
    if given.weights is not None and settings["config"] == "default":
        settings["model.weights"] = str(given.weights)
    where = cwp.Folds(jobs=given.jobs)
    print(f"{out} …", file=sys.stderr)
    return cwp.cross_validate(data, out, split=split, where=where, seed=seed, **settings)


def _print(name: str, seed: int, method: str, run: cwp.Run) -> None:
    area = run.metrics["auc"]["macro"]
    low, high = area["ci95"] or (float("nan"),) * 2
    seconds = run.history["seconds"].sum()
    print(f"{name:<15}{seed:>5}  {method:<12}{area['value']:>8.3f} [{low:.3f}, {high:.3f}]{seconds:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
