"""One network on all patients, with what a cross-validation judged and chose."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from keras_cwp.config import Config, read_stored_config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import RunError
from keras_cwp.files import locked_folder, write_text
from keras_cwp.runtime import use_threads
from keras_cwp.training.device import command_line, environment
from keras_cwp.training.distil import STUDENTS, kept, students_config
from keras_cwp.training.ensemble_note import ENSEMBLE_FILE, Ensemble
from keras_cwp.training.likeness import keep_likeness
from keras_cwp.training.network import check_buildable, train_network
from keras_cwp.training.probe import PROBE_FILE
from keras_cwp.training.progress import say
from keras_cwp.training.run import RunFolder, begin_run, write_info

KIND = "refit"
# Of the cross-validation, copied: its figures and thresholds are what is known of the new network. Scores come last,
# for they say that the run is complete.
_COPIED = ("split.csv", "metrics.json", "validation_scores.csv", "scores.csv")


def refit(
    source: RunFolder,
    data: PreparedData,
    out: Path,
    console: Console,
    teach: Callable[[Config, Path], RunFolder] | None = None,
) -> RunFolder:
    """Train on all patients of a cross-validation's data set; continue what was interrupted.

    The new RUN has no held-out patients. Its scores, metrics and thresholds are the cross-validation's, whose networks
    saw fewer patients.

    To distil is to train one network with those of `source` as teachers. First a network is taught in each fold, so
    that the figures are of networks of this kind. The new RUN has these in its folder `students`, and run.json says
    under `distilled` what they keep.

    Args:
        source: completed run of cv. Of a search the configuration is taken that was best in its fold's inner folds. Of
            another nested one the candidate that most folds chose is taken, and the median of
            their epochs; with early stopping the median of the best epochs. Where train.mode is auto, all patients
            decide anew how the network is trained; folds whose network was a probe say nothing about epochs. The
            share of an ensemble is the mean of the shares of folds that are ensembles, or a half.
        data: its data set.
        teach: cross-validates the students by a configuration, into a folder, or takes up what it left; None: do not
            distil.

    Raises:
        RunError: not a run of cv, one that has nothing to distil (see `students_config`), or `data` is another data
            set; or as `train_network` and `begin_run`.
        CwpError: another process works in `out`.
    """
    if source.info["kind"] != "cv":
        raise RunError(f"refit {source.path}: is a run of {source.info['kind']}; refit takes a completed run of cv")
    if data.content_hash != source.info["data_hash"]:
        raise RunError(f"refit {source.path}: {data.path} is another data set than the one it was made from")
    taught = None if teach is None else students_config(source)
    config, epochs = _chosen(source) if taught is None else (_without_stopping(taught), None)
    with locked_folder(out):
        use_threads(config.train.threads)
        check_buildable(config, data)
        run = begin_run(out, config, data.content_hash, KIND)
        write_text(run.path / "environment.json", json.dumps(environment(), indent=2) + "\n")
        more: dict[str, Any] = {}
        if teach is not None and taught is not None:
            students = teach(taught, run.path / STUDENTS)
            distilled = kept(source, students, data)
            say(console)(distilled.sentence)
            more = {"distilled": distilled.tree}
            source, epochs = students, _chosen(students)[1]
        everyone = np.arange(len(data))
        train_network(
            data, everyone, everyone[:0], config, config.seed, run.path, console, "refit", stop_after=epochs
        )  # fmt: skip
        keep_likeness(data, everyone, run.path)
        about = {"data": str(data.path.resolve()), "command": command_line(), "figures_of": str(source.path.resolve())}
        write_info(run, about | more)
        for name in _COPIED:
            if (source.path / name).is_file():
                shutil.copyfile(source.path / name, run.path / name)
    return run


def _chosen(source: RunFolder) -> tuple[Config, int | None]:
    """Configuration and epochs; None: those of the configuration."""
    folders = source.model_folders()
    config = _with_share(source.config, folders)
    if config.split.inner is not None:
        return _of_search(folders) if config.search.space else _of_nested(folders)
    if config.train.early_stopping is None:
        return config, None
    return _without_stopping(config), _middle([_best_epoch(folder) for folder in folders if not _is_probe(folder)])


def _with_share(config: Config, folders: list[Path]) -> Config:
    """Nobody is held out who could choose the share of an ensemble's networks."""
    shares = [about.share for folder in folders if (about := Ensemble.read(folder)) is not None]
    if config.train.mode == "ensemble" and len(shares) < len(folders):
        raise RunError(f"refit {folders[0].parent}: {ENSEMBLE_FILE} of a fold is missing; run the same cv again")
    if not shares:
        return config
    train = config.train.model_copy(update={"ensemble_share": round(statistics.fmean(shares), 3)})
    return config.model_copy(update={"train": train})


def _of_nested(folders: list[Path]) -> tuple[Config, int | None]:
    choices = [json.loads((folder / "choice.json").read_text(encoding="utf-8")) for folder in folders]
    name = Counter(choice["candidate"] for choice in choices).most_common(1)[0][0]
    of_name = [number for number, choice in enumerate(choices) if choice["candidate"] == name]
    config = read_stored_config(folders[of_name[0]] / "config.yaml")
    epochs = [choices[number]["epochs"] for number in of_name if not _is_probe(folders[number])]
    return _without_stopping(config), _middle(epochs)


def _of_search(folders: list[Path]) -> tuple[Config, int | None]:
    """Each fold drew its own configurations: that of the highest mean AUC over its inner folds."""
    choices = [json.loads((folder / "choice.json").read_text(encoding="utf-8")) for folder in folders]
    areas = [choice["inner_macro_auc"][choice["candidate"]][choice["epochs"] - 1] for choice in choices]
    best = max(range(len(folders)), key=areas.__getitem__)
    epochs = [] if _is_probe(folders[best]) else [int(choices[best]["epochs"])]
    return _without_stopping(read_stored_config(folders[best] / "config.yaml")), _middle(epochs)


def _middle(epochs: list[int]) -> int | None:
    return round(statistics.median(epochs)) if epochs else None


def _is_probe(folder: Path) -> bool:
    """Whether the network of a fold is a probe, which has no epochs to learn from."""
    return (folder / PROBE_FILE).is_file()


def _without_stopping(config: Config) -> Config:
    """Nothing is held out that could stop it."""
    train = config.train.model_copy(update={"early_stopping": None})
    split = config.split.model_copy(update={"inner": None})
    return config.model_copy(update={"train": train, "split": split, "candidates": {}})


def _best_epoch(folder: Path) -> int:
    """Whose weights the fold kept: of the highest validation AUC, of equals the least loss."""
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    best = max(rows, key=lambda row: (float(row["val_auc"]), -float(row["val_loss"])))
    return int(best["epoch"])
