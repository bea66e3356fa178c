"""Tables of a comparison: runs, differences, settings, and the ROIs on which models disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_cwp.report.compared_run import ComparedRun
from keras_cwp.report.tables import DETECTABLE, Table, detectable_text, interval_text, metric_text, p_text
from keras_cwp.report.training_plots import History
from keras_cwp.scores import Scores
from keras_cwp.wording import plural

_DISAGREEMENTS_SHOWN = 40


def runs_table(runs: Sequence[ComparedRun], metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row a run: size, metrics with intervals, training time."""
    classes = next(iter(metrics.values()))["classes"]
    header = ("run", "model", "parameters", "MACs", "AUC, macro", *(f"AUC, {name}" for name in classes), "accuracy",
              "log loss", "training")  # fmt: skip
    rows = tuple(
        (
            run.name,
            run.arch or "–",
            "–" if run.parameters is None else f"{run.parameters:,}",
            "–" if run.macs is None else f"{run.macs / 1e6:,.1f} M",
            metric_text(metrics[run.name]["auc"]["macro"]),
            *(metric_text(metrics[run.name]["auc"]["per_class"][name]) for name in classes),
            metric_text(metrics[run.name]["accuracy"]),
            metric_text(metrics[run.name]["log_loss"]),
            _duration(run.history),
        )
        for run in runs
    )
    return Table("runs", "Runs", header, rows, "Training: time of all epochs of all folds.")


def tests_table(tests: Mapping[str, Any]) -> Table:
    """A row a pair: differences, first minus second, and corrected p values."""
    header = ("first", "second", "macro AUC", "detectable AUC", "DeLong", "bootstrap of AUC", "accuracy",
              "detectable accuracy", "bootstrap of accuracy", "McNemar")  # fmt: skip
    rows = tuple(
        (
            pair["first"],
            pair["second"],
            _signed(pair["delong"]["macro"]),
            detectable_text(pair["delong"]["macro"]),
            p_text(pair["delong"]["macro"]["p_holm"]),
            p_text(pair["bootstrap"]["macro"]["p_holm"]),
            _signed(pair["bootstrap"]["accuracy"]),
            detectable_text(pair["bootstrap"]["accuracy"]),
            p_text(pair["bootstrap"]["accuracy"]["p_holm"]),
            p_text(pair["mcnemar"]["p_holm"]),
        )
        for pair in tests["pairs"]
    )
    note = f"{DETECTABLE} p values: {tests['correction']}. "
    note += (
        "DeLong's p value of the AUC is the one to quote; the bootstrap's errs to the safe side where a class is rare."
    )
    return Table("tests", "Differences, first minus second", header, rows, note)


def settings_table(runs: Sequence[ComparedRun]) -> Table | None:
    """A row a setting that differs between runs; None where all are equal."""
    flat = {run.name: dict(_flattened(run.settings)) for run in runs}
    keys = list(dict.fromkeys(key for own in flat.values() for key in own))
    rows = [(key, [own.get(key) for own in flat.values()]) for key in keys]
    differing = tuple((key, *map(_setting, values)) for key, values in rows if len(set(map(str, values))) > 1)
    if not differing:
        return None
    return Table("settings", "Settings that differ", ("setting", *flat), differing)


def disagreement_table(aligned: Mapping[str, Scores]) -> Table | None:
    """The ROIs that the runs call differently, those with the largest differences first; None without any."""
    first = next(iter(aligned.values()))
    probabilities = np.stack([scores.probabilities for scores in aligned.values()])
    called = probabilities.argmax(axis=2)
    rows = np.flatnonzero((called != called[0]).any(axis=0))
    if not len(rows):
        return None
    spread = np.ptp(probabilities[:, rows], axis=0).max(axis=1)
    shown = rows[np.argsort(-spread, kind="stable")][:_DISAGREEMENTS_SHOWN]
    cells = tuple(
        (
            str(first.roi_id[row]),
            first.classes[int(first.label[row])],
            *(
                f"{first.classes[called[run, row]]}, {100 * probabilities[run, row].max():.0f} %"
                for run in range(len(called))
            ),
        )
        for row in shown
    )
    note = f"The models disagree on {plural(len(rows), 'ROI')} of {len(first):,}."
    note += f" The {len(shown)} with the largest differences are shown." if len(shown) < len(rows) else ""
    header = ("ROI", "truth", *aligned)
    return Table("disagreements", "ROIs on which the models disagree", header, cells, note)


def _setting(value: Any) -> str:
    """Six digits of a number; a dash for a setting that is not there or not set."""
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _flattened(settings: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """("train.epochs", 32) of {"train": {"epochs": 32}}."""
    found: list[tuple[str, Any]] = []
    for key, value in settings.items():
        found += _flattened(value, f"{above}{key}.") if isinstance(value, Mapping) else [(f"{above}{key}", value)]
    return found


def _signed(metric: Mapping[str, Any]) -> str:
    if metric["value"] is None:
        return "–"
    return f"{metric['value']:+.3f} {interval_text(dict(metric))}"


def _duration(history: History) -> str:
    seconds = sum(float(row["seconds"]) for row in history if row.get("seconds"))
    if not seconds:
        return "–"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
