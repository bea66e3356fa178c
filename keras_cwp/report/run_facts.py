"""What the first lines of a report say about a run, and what its files say about its training."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_cwp.data.split_file import SPLIT_FILE, split_rows
from keras_cwp.training.beside import probe_config
from keras_cwp.wording import plural

if TYPE_CHECKING:
    from keras_cwp.training.run import RunFolder


def run_facts(run: RunFolder, metrics: Mapping[str, Any], judged: Path | None, date: str) -> dict[str, str]:
    """Model, data set, sizes and date, as the page shows them under its title.

    Args:
        judged: folder of the data set that was judged; None: the held-out ROIs of the run.
        date: of the evaluation, as 2026-01-31.
    """
    config, rows = run.config, [row for row in split_rows(run.path / SPLIT_FILE) if row.part == "train"]
    folds = len(run.model_folders())
    trained_on = Path(run.info.get("data", "")).name or "not known"
    counts = metrics["counts"]
    facts = {"Model": f"{architectures(run)}, {config.data.image_size} × {config.data.image_size} px"}
    if folds > 1:
        facts["Models"] = f"{folds}, one a fold"
    facts["Data set"] = trained_on if judged is None else f"{judged.name} (trained on {trained_on})"
    trained = f"{plural(len({row.roi for row in rows}), 'ROI')} of "
    facts["Trained on"] = trained + plural(len({row.patient for row in rows}), "patient")
    facts["Judged on"] = f"{plural(counts['rois'], 'ROI')} of {plural(counts['patients'], 'patient')}"
    if moved := metrics.get("prior_shift"):
        stated = ", ".join(f"{name} {share:.1%}" for name, share in moved["stated"].items())
        facts["At a stated prevalence"] = f"{stated}: accuracy {_with_interval(moved['accuracy'])}"
    facts["Date"] = date
    return facts


def _with_interval(figure: Mapping[str, Any]) -> str:
    limits = figure["ci95"]
    return f"{figure['value']:.3f}" + (f" [{limits[0]:.3f}, {limits[1]:.3f}]" if limits else "")


def run_history(run: RunFolder) -> list[dict[str, float]]:
    """history.csv of every fold; `fold` is added where there are several."""
    folders = run.folders_by_fold()
    rows = []
    for number, folder in folders.items():
        with open(folder / "history.csv", newline="", encoding="utf-8") as file:
            numbers = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
        fold = {"fold": float(number)} if len(folders) > 1 else {}
        rows += [fold | row for row in numbers]
    return rows


def kept_epochs(run: RunFolder) -> dict[str, int]:
    """Fold, as `training_plots.fold_names` calls it → epoch whose weights the model has, counted from 1; no probes."""
    early, kept = run.config.train.early_stopping is not None, {}
    rows = [row for row in run_history(run) if "loss" in row]
    for fold in dict.fromkeys(str(row.get("fold", 0)) for row in rows):
        own = [row for row in rows if str(row.get("fold", 0)) == fold]
        by_validation = early and all("val_auc" in row for row in own)
        kept[fold] = int(max(own, key=_validation_rank if by_validation else _epoch)["epoch"])
    return kept


def architectures(run: RunFolder) -> str:
    """Names of the networks of a run; several where inner folds or `train.mode: auto` chose, or in an ensemble."""
    names = [run.model_config(folder).arch for folder in run.model_folders()]
    if run.ensembles():
        names.append(probe_config(run.config).model.arch)
    return ", ".join(dict.fromkeys(names))


def _epoch(row: Mapping[str, float]) -> float:
    return row["epoch"]


def _validation_rank(row: Mapping[str, float]) -> tuple[float, float]:
    """What early stopping prefers, as training/epochs.py does: the higher macro AUC, then the lower loss."""
    area = row.get("val_auc", np.nan)
    return (-np.inf if np.isnan(area) else area, -row.get("val_loss", np.inf))
