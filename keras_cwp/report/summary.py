"""The result in words: the verdict, the first sentences, the largest numbers, and how the metrics were obtained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_cwp.evaluation.verdict import verdict
from keras_cwp.report.run_input import BAND_RESAMPLES, ReportInput
from keras_cwp.report.shared_patients import held_out_clause
from keras_cwp.report.tables import interval_text, metric_text
from keras_cwp.wording import plural


def result(run: ReportInput) -> list[str]:
    """What the macro AUC of the verdict means, accuracy and patient AUC, in a sentence each, with the unit."""
    counts, auc = run.metrics["counts"], run.metrics["auc"]["macro"]
    of = f"{plural(counts['rois'], 'ROI')} of {plural(counts['patients'], 'patient')}"
    of += held_out_clause(run.metrics.get("shared_with_training"))
    if auc["value"] is None:
        return [f"Judged on {of}. No AUC can be computed: {auc['reason']}."]
    share = f"{100 * auc['value']:.0f} %"
    known = [own for own in run.metrics["auc"]["per_class"].values() if own["value"] is not None]
    classes = plural(len(known), "class", "classes")
    sentences = [
        f"Judged on {of}.",
        f"Given one ROI of a class and one of another, the model ranks the right one higher {share} of the time (mean "
        f"over {classes}).",
        f"It names the right class for {_percent(run.metrics['accuracy'])} of the ROIs.",
    ]
    level = run.metrics["patient_level"]
    if level["auc"]["macro"]["value"] is not None and level["units"] != counts["rois"]:
        sentences.append(f"By patient, the macro AUC is {metric_text(level['auc']['macro'])}.")
    if run.metrics.get("baseline"):
        sentences.append(run.metrics["baseline"])
    return sentences


def summary(run: ReportInput) -> str:
    """What the terminal says: the verdict, and then the result."""
    return " ".join([verdict(run.metrics), *result(run)])


def tiles(run: ReportInput) -> list[dict[str, str]]:
    """The metrics shown largest."""
    metrics = run.metrics
    shown = [("Macro AUC", metrics["auc"]["macro"]), ("Balanced accuracy", metrics["balanced_accuracy"])]
    shown += [("Accuracy", metrics["accuracy"]), ("Log loss", metrics["log_loss"])]
    found = [
        {"name": name, "value": metric_text(own | {"ci95": None}), "interval": interval_text(own)}
        for name, own in shown
    ]
    counts = metrics["counts"]
    rest = f"{plural(counts['images'], 'radiograph')}, {plural(counts['rois'], 'ROI')}"
    return [*found, {"name": "Patients judged", "value": f"{counts['patients']:,}", "interval": rest}]


def methods(run: ReportInput) -> list[str]:
    """How the metrics were obtained: split, unit, intervals, pooling."""
    how = run.metrics["intervals"]
    sentences = [run.how] if run.how else []
    drawn = how["resamples"] if how["method"].startswith("bootstrap") else 0
    used = f" Resamples: {drawn:,} of patients, seed {how['seed']}." if drawn else ""
    other = f" Other metrics: {how['others']}." if how.get("others") else ""
    sentences.append(
        "Intervals are 95 % intervals over patients, because the ROIs of a patient resemble each other. AUCs, accuracy "
        f"and recalls: {how['method']}.{other}{used} Bands of ROC curves: {BAND_RESAMPLES} resamples of patients."
    )
    if run.metrics["folds"]:
        sentences.append(
            "Metrics are pooled over all held-out ROIs unless a table says mean over folds. Neither interval includes "
            "the variation between trainings on other patients."
        )
    return sentences


def _percent(metric: Mapping[str, Any]) -> str:
    value = f"{100 * metric['value']:.1f} %"
    if metric["ci95"] is None:
        return value
    return f"{value} ({100 * metric['ci95'][0]:.1f} to {100 * metric['ci95'][1]:.1f} %)"
