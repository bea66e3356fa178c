"""In words: how a run divided its patients, and what chose epoch and thresholds."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from keras_cwp.data.split_file import SPLIT_FILE, split_rows
from keras_cwp.report.chosen_modes import all_probes, how_trained
from keras_cwp.wording import plural

if TYPE_CHECKING:
    from keras_cwp.training.run import RunFolder

_LAST_EPOCH = "Early stopping was off: the weights are those of the last epoch."


def how_held_out(run: RunFolder, views: int) -> str:
    """A paragraph: how patients were divided, what chose epoch, thresholds and, for `train.mode: auto`, the training;
    in how many views a ROI was scored."""
    given = " The split is that of an earlier run." if run.info.get("split_given") else ""
    said = _of_fit(run) if run.info["kind"] == "fit" else _of_cv(run)
    sentences = [said, how_trained(run), f"Each ROI was {scored(views)}.{given}"]
    return " ".join(sentence for sentence in sentences if sentence)


def scored(views: int) -> str:
    """In how many views a ROI was scored."""
    if views == 1:
        return "scored once, without augmentation"
    return f"scored in {views} views (unchanged, mirrored, turned or shifted), whose probabilities were averaged"


def _of_fit(run: RunFolder) -> str:
    patients = Counter(part for part, _ in {(row.part, row.patient) for row in split_rows(run.path / SPLIT_FILE)})
    by_epochs = not all_probes(run)
    early = run.config.train.early_stopping and by_epochs
    chose = "choose the epoch and the thresholds" if early else "choose the thresholds"
    epoch = f" {_LAST_EPOCH}" if by_epochs and not early else ""
    return (
        f"Before anything else, the patients were divided once: {patients['train']} to train on, "
        f"{patients['validation']} to {chose}, {patients['test']} held out. No patient is in two parts. The metrics "
        f"are of the held-out patients alone.{epoch}"
    )


def _of_cv(run: RunFolder) -> str:
    folds, repeats = _size(run)
    by_site = run.config.split.by == "site" and not run.info.get("split_given")
    kind = "leave-one-site-out cross-validation" if by_site else f"{folds}-fold cross-validation"
    times = f", {repeats} times with other folds" if repeats > 1 else ""
    groups = f"{folds} {'sites' if by_site else 'groups'}"
    return (
        f"{kind[0].upper()}{kind[1:]}{times}: the patients were divided into {groups}. Each group was scored by a "
        "network that was trained without it, so no network was trained on a patient that it is judged on. "
        f"{_what_chose(run)}"
    )


def _size(run: RunFolder) -> tuple[int, int]:
    """Folds of one repeat, and repeats: in each repeat every ROI is held out once."""
    held_out = [row for row in split_rows(run.path / SPLIT_FILE) if row.part == "test"]
    numbers = len({row.fold for row in held_out})
    repeats = Counter(row.roi for row in held_out).most_common(1)[0][1]
    return numbers // repeats, repeats


def _what_chose(run: RunFolder) -> str:
    config = run.config
    if config.split.inner is None:
        rows = split_rows(run.path / SPLIT_FILE)
        pairs = {(row.fold, row.part, row.patient) for row in rows if row.part != "test"}
        share = sum(part == "validation" for _, part, _ in pairs) / len(pairs)
        by_epochs = not all_probes(run)
        early = config.train.early_stopping and by_epochs
        chose = "its epoch and its thresholds" if early else "its thresholds"
        said = f"{100 * share:.0f} % of the training patients of each network chose {chose} and were not trained on."
        return f"{said} {_LAST_EPOCH}" if by_epochs and not early else said
    among = f", the configuration among {', '.join(config.candidates)}" if config.candidates else ""
    if config.search.space:
        among = f", the configuration among {config.search.trials} that a search drew"
    return (
        f"Nested: {config.split.inner} inner folds of the training patients of each network chose the number of "
        f"epochs{among}, the temperature and the thresholds. The network was then trained on all these patients. "
        f"Chosen: {_choices(run)}."
    )


def _choices(run: RunFolder) -> str:
    modes = run.chosen_modes()
    said = []
    for number, folder in run.folders_by_fold().items():
        choice = json.loads((folder / "choice.json").read_text(encoding="utf-8"))
        name = f"{choice['candidate']}, " if run.config.candidates or run.config.search.space else ""
        is_probe = number in modes and modes[number].mode == "probe"
        said.append(f"fold {number}: {name}{'a probe' if is_probe else plural(choice['epochs'], 'epoch')}")
    return "; ".join(said)
