"""In words: how the figures of a run were come by."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from keras_cwp.data.split_file import SPLIT_FILE, split_rows

if TYPE_CHECKING:
    from keras_cwp.training.run import RunFolder


def how_held_out(run: RunFolder, views: int) -> str:
    """A paragraph on the division of the patients, on who chose what, and in how many views a ROI was seen."""
    given = " The division is that of an earlier run." if run.info.get("split_given") else ""
    said = _of_fit(run) if run.info["kind"] == "fit" else _of_cv(run)
    return f"{said} Each ROI was {seen(views)}.{given}"


def seen(views: int) -> str:
    """How often a ROI was looked at."""
    if views == 1:
        return "seen once, without augmentation"
    return f"seen in {views} views, as it is and mirrored, turned or shifted, whose probabilities were averaged"


def _of_fit(run: RunFolder) -> str:
    patients = Counter(part for part, _ in {(row.part, row.patient) for row in split_rows(run.path / SPLIT_FILE)})
    return (
        f"The patients were divided once, before anything else was done, into {patients['train']} to train on, "
        f"{patients['validation']} to choose epoch and thresholds by, and {patients['test']} held out; no patient "
        "is in two parts. The figures are of the held-out patients alone."
    )


def _of_cv(run: RunFolder) -> str:
    folds, repeats = _size(run)
    by_site = run.config.split.by == "site" and not run.info.get("split_given")
    kind = "leave-one-site-out cross-validation" if by_site else f"{folds}-fold cross-validation"
    times = f", {repeats} times with other folds" if repeats > 1 else ""
    groups = f"{folds} sites" if by_site else f"{folds} groups"
    return (
        f"{kind[0].upper()}{kind[1:]}{times}: the patients were divided into {groups}, and each group was scored by a "
        "network that was trained without it, so no network saw another image of a patient it was judged on. "
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
        return (
            f"{share:.0%} of each network's own training patients chose its epoch and its thresholds and were not "
            "trained on."
        )
    among = f", the configuration among {', '.join(config.candidates)}" if config.candidates else ""
    return (
        f"Nested: {config.split.inner} inner folds of each network's own training patients chose the number of "
        f"epochs{among}, the temperature and the thresholds; the network was then trained on all of them. "
        f"Chosen: {_choices(run)}."
    )


def _choices(run: RunFolder) -> str:
    said = []
    for folder in run.model_folders():
        choice = json.loads((folder / "choice.json").read_text(encoding="utf-8"))
        name = f"{choice['candidate']}, " if run.config.candidates else ""
        said.append(f"{name}{choice['epochs']} epochs")
    return "; ".join(f"fold {number}: {what}" for number, what in enumerate(said, start=1))
