"""Runs that differ in nothing but their seed, put together as one architecture, and what the page says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from keras_cwp.evaluation.seeds import METHOD
from keras_cwp.report.compared_run import ComparedRun
from keras_cwp.report.tables import DETECTABLE, Table, detectable_text, interval_text, p_text

_SEED = "seed"
_SIGNIFICANT = 0.05


def sides(runs: Sequence[ComparedRun]) -> dict[str, list[str]]:
    """Name of an architecture → names of its runs; empty where no settings were trained with two seeds.

    Runs whose settings are not known stand alone.
    """
    groups: dict[str, list[str]] = {}
    for run in runs:
        settings = {key: value for key, value in run.settings.items() if key != _SEED}
        groups.setdefault(json.dumps(settings, sort_keys=True, default=str) if settings else run.name, []).append(
            run.name
        )
    if len(groups) < 2 or max(map(len, groups.values())) < 2:
        return {}
    return {_name(names): names for names in groups.values()}


def architectures_table(tests: Mapping[str, Any]) -> Table:
    """A row a pair of architectures: difference of mean macro AUCs, p value, scatter over seeds."""
    rows = tuple(
        (
            pair["first"],
            pair["second"],
            " and ".join(map(str, pair["runs"])),
            "–" if pair["value"] is None else f"{pair['value']:+.3f} {interval_text(pair)}",
            detectable_text(pair),
            p_text(pair["p_holm"]),
            ", ".join("–" if own is None else f"{own:.3f}" for own in pair["seed_sd"]),
        )
        for pair in tests["architectures"]
    )
    header = ("first", "second", "runs", "mean macro AUC", "detectable", "p", "SD over seeds")
    note = f"Runs that differ in their seed alone are replicates of one architecture. {METHOD[0].upper()}{METHOD[1:]}. "
    note += f"{DETECTABLE} p values: Holm over pairs. This table, not the pairs of runs below, tells whether an "
    note += "architecture is better."
    return Table("architectures", "Architectures, first minus second", header, rows, note)


def architecture_sentences(tests: Mapping[str, Any]) -> list[str]:
    """Whether each pair of architectures is shown to differ, seeds taken into account."""
    found = []
    for pair in tests.get("architectures", ()):
        both = f"{pair['first']} ({pair['runs'][0]} seeds) and {pair['second']} ({pair['runs'][1]})"
        both = both.replace("(1 seeds)", "(1 seed)")
        if pair["p_holm"] is None:
            found.append(f"{both} cannot be tested against each other: {pair['reason']}.")
            continue
        shown = "is shown" if pair["p_holm"] < _SIGNIFICANT else "is not shown"
        found.append(f"A difference between the architectures {both} {shown} ({p_text(pair['p_holm'])}).")
    return found


def _name(names: Sequence[str]) -> str:
    """What the names of runs begin with; all of them where that says nothing."""
    if len(names) == 1:
        return names[0]
    length = next((at for at, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1), 0)
    shared = names[0][:length].rstrip("0123456789").rstrip("_-/. ").removesuffix("seed").rstrip("_-/. ")
    return shared or ", ".join(names)
