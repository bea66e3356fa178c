"""What the report says in words: its first sentences and how the figures were obtained."""

from __future__ import annotations

from typing import Any

from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.shared_patients import held_out_clause
from keras_cwp.report.tables import figure_text, interval_text, plural

FEW_PATIENTS = 30


def summary(run: ReportInput) -> str:
    """The result in two sentences, with its interval and its unit."""
    counts, auc = run.metrics["counts"], run.metrics["auc"]["macro"]
    of = f"{plural(counts['rois'], 'ROI')} of {plural(counts['patients'], 'patient')}"
    of += held_out_clause(run.metrics.get("shared_with_training"))
    if auc["value"] is None:
        return f"On {of}, no class can be told from the others by AUC: {auc['reason']}."
    interval = f" (95 % interval {interval_text(auc)})" if auc["ci95"] else ""
    return (
        f"On {of}, the model ranks a ROI of a class above a ROI of another with a probability of {auc['value']:.3f}"
        f"{interval}, averaged over {plural(len(run.metrics['classes']), 'class').replace('classs', 'classes')}. "
        f"It names the right class for {_percent(run.metrics['accuracy'])} of the ROIs."
        f"{_of_patients(run)}{_beside(run)}"
    )


def _beside(run: ReportInput) -> str:
    sentence = run.metrics.get("baseline")
    return f" {sentence}" if sentence else ""


def _of_patients(run: ReportInput) -> str:
    level = run.metrics["patient_level"]
    if level["auc"]["macro"]["value"] is None or level["units"] == run.metrics["counts"]["rois"]:
        return ""
    return f" Patient by patient, the macro AUC is {figure_text(level['auc']['macro'])}."


def tiles(run: ReportInput) -> list[dict[str, str]]:
    """The figures shown largest."""
    metrics = run.metrics
    shown = [("Macro AUC", metrics["auc"]["macro"]), ("Balanced accuracy", metrics["balanced_accuracy"])]
    shown += [("Accuracy", metrics["accuracy"]), ("Log loss", metrics["log_loss"])]
    found = [
        {"name": name, "value": figure_text(f | {"ci95": None}), "interval": interval_text(f)} for name, f in shown
    ]
    counts = metrics["counts"]
    rest = f"{plural(counts['images'], 'image')}, {plural(counts['rois'], 'ROI')}"
    return [*found, {"name": "Patients", "value": f"{counts['patients']:,}", "interval": rest}]


def methods(run: ReportInput) -> list[str]:
    """How the figures were obtained: split, unit, intervals, pooling, thresholds."""
    how = run.metrics["intervals"]
    sentences = [run.how] if run.how else []
    sentences.append(
        f"Intervals are 95 % intervals from {how['resamples']:,} resamples of patients ({how['method']}; stratified by "
        f"the {how['strata']}; seed {how['seed']}): all ROIs of a patient are drawn together, because they are alike."
    )
    if run.metrics["folds"]:
        sentences.append(
            "Figures are pooled over all held-out ROIs unless a table says mean over folds. Neither interval holds the "
            "variation that training anew on other patients would bring."
        )
    return sentences


def cautions(run: ReportInput) -> list[str]:
    """What a careful reader would hold against these figures, as far as the numbers themselves show it."""
    metrics, found = run.metrics, []
    few = {name: n["patients"] for name, n in metrics["counts"]["per_class"].items() if n["patients"] < FEW_PATIENTS}
    if few:
        have = ", ".join(f"{patients} with {name}" for name, patients in few.items())
        found.append(
            f"Few patients ({have}): figures that rest on them are rough, and their intervals tend to be too narrow."
        )
    if metrics["counts"]["unlabelled_rois"]:
        found.append(f"{plural(metrics['counts']['unlabelled_rois'], 'ROI')} without a label were left out.")
    for kind in ("auc", "accuracy"):
        figure = metrics["auc"]["macro"] if kind == "auc" else metrics["accuracy"]
        if figure["ci95"] is None or "reason" in figure:
            found.append(f"Interval of the {'macro AUC' if kind == 'auc' else 'accuracy'}: {figure['reason']}.")
    if metrics["thresholds"]["chosen_on"] is None:
        found.append("No operating points: " + metrics["thresholds"]["reason"] + ".")
    return found


def _percent(figure: dict[str, Any]) -> str:
    value = f"{100 * figure['value']:.1f} %"
    if figure["ci95"] is None:
        return value
    return f"{value} ({100 * figure['ci95'][0]:.1f} to {100 * figure['ci95'][1]:.1f} %)"
