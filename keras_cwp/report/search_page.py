"""The page of a search: the trials of each outer fold, and what mattered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from keras_cwp.report.page import Page, Section, fill, write_page
from keras_cwp.report.tables import Table
from keras_cwp.training.run import RunFolder
from keras_cwp.training.search import TRIALS_FILE
from keras_cwp.wording import plural

SEARCH_PAGE = "search.html"
_STATES = {"complete": "trained to its end", "pruned": "pruned"}


def write_search(run: RunFolder) -> Path:
    """Write search.html into the RUN of a search, and a table a fold beside it.

    Raises:
        CwpError: the disk refuses.
    """
    folds = {number: _read(folder) for number, folder in run.folders_by_fold().items()}
    trials = [trial for found, _ in folds.values() for trial in found["trials"]]
    pruned = sum(trial["state"] == "pruned" for trial in trials)
    page = Page(
        kind="Search",
        title=run.path.resolve().name,
        lead=(
            f"{plural(len(trials), 'trial')} in {plural(len(folds), 'outer fold')}, of which {pruned} "
            f"{'was' if pruned == 1 else 'were'} pruned. The AUC of a trial is the mean over inner folds of the fold's "
            "training patients, at the trial's best epoch: it chooses, and flatters the trial that was chosen.",
            "The figures in report.html are of the outer test patients, whom no trial saw.",
        ),
        sections=fill([_section(number, *each) for number, each in folds.items()], None),
        facts={"Keys": ", ".join(run.config.search.space)},
    )
    write_page(page, run.path / SEARCH_PAGE)
    return run.path / SEARCH_PAGE


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the search of a fold found, and what was chosen."""
    found = json.loads((folder / "inner" / TRIALS_FILE).read_text(encoding="utf-8"))
    return found, json.loads((folder / "choice.json").read_text(encoding="utf-8"))


def _section(number: int, found: dict[str, Any], choice: dict[str, Any]) -> Section[None]:
    tables = [_trials(number, found["trials"], choice)]
    if found["importance"]:
        tables.append(_importance(number, found["importance"]))
    return Section(f"fold{number}", f"Outer fold {number}", f"Fold {number}", lambda _: tables)


def _trials(number: int, trials: list[dict[str, Any]], choice: dict[str, Any]) -> Table:
    keys = list(trials[0]["values"])
    rows = []
    for trial in trials:
        name = f"trial_{trial['number']}"
        state = "chosen" if name == choice["candidate"] else _STATES[trial["state"]]
        area = "" if trial["auc"] is None else f"{trial['auc']:.4f}"
        values = (_said(trial["values"][key]) for key in keys)
        rows.append((str(trial["number"]), area, state, str(trial["steps"]), *values))
    header = ("trial", "AUC", "state", "epochs trained", *keys)
    note = (
        f"The chosen trial was best after {plural(choice['epochs'], 'epoch')}. Epochs trained are those of all inner "
        "folds together; a trial that was pruned has fewer."
    )
    return Table(f"search_fold_{number}", "Trials", header, tuple(rows), note)


def _importance(number: int, importance: dict[str, float]) -> Table:
    rows = tuple((key, f"{share:.2f}") for key, share in importance.items())
    note = "Share of the variance of the AUC over complete trials, by fANOVA; of few trials it says little."
    return Table(f"search_importance_{number}", "Importance", ("key", "share"), rows, note)


def _said(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "none" if value is None else str(value)
