"""Tables of what a reviewer asks next: likelihood ratios, fixed specificity, calibration lines, sets, subgroup gaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_cwp.report.tables import Table, interval_text, metric_text, p_text

_LINES = ("intercepts", "slopes")


def ratio_table(thresholds: Mapping[str, Any]) -> Table | None:
    """Likelihood ratios at the thresholds of ROIs or patients, and predictive values where a prevalence is stated."""
    points = {name: own for name, own in thresholds["per_class"].items() if "likelihood_ratios" in own}
    if not points:
        return None
    stated = any("at_prevalence" in own for own in points.values())
    header = ("class", "LR of a call", "LR of no call", *(("prevalence", "PPV there", "NPV there") if stated else ()))
    rows = tuple(
        (name, *(metric_text(own["likelihood_ratios"][side], 2) for side in ("positive", "negative")))
        + (_elsewhere(own.get("at_prevalence")) if stated else ())
        for name, own in points.items()
    )
    of_patients = thresholds["level"] == "patient"
    one, other = ("a patient with the class", "one without") if of_patients else ("a ROI of the class", "another ROI")
    note = (
        f"Likelihood ratio: how many times as often {one} is called (not called) as {other}. It does not depend on the "
    )
    note += (
        "share of the class. Where nothing is wrong on one side, half a patient counts as wrong, so that the ratio is "
    )
    note += "finite."
    if not stated:
        note += " evaluate.prevalence adds predictive values at a stated share."
    name, title = ("patient_likelihood_ratios", "patients") if of_patients else ("likelihood_ratios", "ROIs")
    return Table(name, f"Likelihood ratios at these thresholds, {title}", header, rows, note)


def fixed_specificity_table(metrics: Mapping[str, Any]) -> Table:
    """Sensitivity at fixed specificities and the partial area, class by class."""
    found = metrics["fixed_specificity"]
    first = next(iter(found.values()))
    levels = list(first["sensitivity_at"])
    header = ("class", *(f"sensitivity at {100 * float(level):g} % specificity" for level in levels), "partial AUC")
    rows = tuple(
        (name, *(metric_text(own["sensitivity_at"][level]) for level in levels), metric_text(own["partial_auc"]))
        for name, own in found.items()
    )
    note = f"Partial AUC: up to a false positive rate of {first['most_alarms']:g}, standardised so that 0.5 is chance. "
    note += "Read off the ROIs judged here, so no threshold of it is for use elsewhere."
    return Table("fixed_specificity", "At a fixed specificity", header, rows, note)


def calibration_line_table(metrics: Mapping[str, Any]) -> Table:
    """Calibration intercept and slope of each class, as the model stands and after temperature scaling."""
    found = metrics["calibration"]
    kinds = [(key, label) for key, label in (("as_is", "unchanged"), ("temperature", "temperature")) if key in found]
    header = ("class", *(f"{what}, {label}" for _, label in kinds for what in ("intercept", "slope")))
    rows = tuple(
        (
            name,
            *(metric_text(found[key]["lines"][name][what], 2) for key, _ in kinds for what in ("intercept", "slope")),
        )
        for name in metrics["classes"]
    )
    note = "Calibrated: intercept 0, slope 1. Slope below 1: too sure, above 1: not sure enough. "
    note += "Intercept above 0: commoner than predicted."
    if any("at_least" in found[key]["lines"][name]["slope"] for key, _ in kinds for name in metrics["classes"]):
        note += " ≥: separated without an error, so the slope has a lower 95 % limit only."
    return Table("calibration_lines", "Calibration intercept and slope", header, rows, note)


def multinomial_table(metrics: Mapping[str, Any]) -> Table:
    """Recalibration of all classes at once, as the model stands and after temperature scaling."""
    found = metrics["calibration"]
    kinds = [(key, label) for key, label in (("as_is", "unchanged"), ("temperature", "temperature")) if key in found]
    first = found["as_is"]["multinomial"]
    header = ("class", *(f"{what}, {label}" for _, label in kinds for what in ("intercept", "slope")))
    rows = [
        (name, *(metric_text(found[key]["multinomial"][what][name], 2) for key, _ in kinds for what in _LINES))
        for name in first["slopes"]
    ]
    together = [text for key, _ in kinds for text in (p_text(found[key]["multinomial"]["p"]), "")]
    rows.append(("all calibrated", *together))
    note = f"Log odds against {first['reference']}, all classes fitted together. "
    note += "Last row: test of intercepts 0 and slopes 1; it errs to the safe side with few patients."
    return Table("multinomial_calibration", "Calibration of all classes at once", header, tuple(rows), note)


def conformal_table(metrics: Mapping[str, Any]) -> Table:
    """Sets of classes: what was promised, and what ROIs that the thresholds are not from show."""
    found = metrics["conformal"]
    rows = tuple((name, *_set_cells(found, name)) for name in metrics["classes"])
    note = (
        "The set of a ROI has each class whose probability reaches the threshold. "
        f"{100 * found['coverage']:g} % of the ROIs of each class are to have their class in the set, each patient "
        f"weighing the same. Thresholds from: {found['chosen_on'] or 'nowhere'}. "
    )
    note += f"Not judged: {found['reason']}." if found["judged"] is None else f"Judged on: {found['judged_on']}."
    if 0 in found["thresholds"].values():
        note += " A class with the threshold 0 is in every set, because too few patients have it."
    header = ("class", "threshold", "patients", "covered", "mean size")
    return Table("conformal", "Sets that hold the true class", header, rows, note)


def _set_cells(found: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Threshold, patients, coverage and size of a class; dashes where they are not known."""
    threshold = f"{found['thresholds'][name]:.3f}" if name in found["thresholds"] else "–"
    own = (found["judged"] or {}).get(name)
    if own is None:
        return (threshold, "–", "–", "–")
    covered = f"{own['covered']:.3f} {interval_text(own)}" if own["ci95"] else f"{own['covered']:.3f}"
    return (threshold, f"{own['patients']:,}", covered, f"{own['size']:.2f}")


def gap_table(metrics: Mapping[str, Any]) -> Table | None:
    """Macro AUC within each subgroup minus that outside it; None without subgroups."""
    rows = tuple(
        (
            column,
            value,
            "–" if own["gap"]["value"] is None else f"{own['gap']['value']:+.3f} {interval_text(own['gap'])}",
            p_text(own["gap"]["p_holm"]),
            f"{own['gap']['detectable']:.3f}" if own["gap"].get("detectable") else "–",
        )
        for column, values in metrics["subgroups"].items()
        for value, own in values.items()
    )
    if not rows:
        return None
    note = (
        "Macro AUC within the subgroup minus that of all others pooled. Where scores are shifted from one value to "
        "another, as by another machine, the pooled AUC is lower than each value's own, and the shift counts as a gap. "
        "p values: Holm over more than two values of a column. –: a class is missing on one side, or has one patient "
        "there. Detectable: the gap that 80 % of such studies would find; where it is large, finding none shows little."
    )
    columns = ("column", "value", "gap in macro AUC", "p", "detectable")
    return Table("subgroup_gaps", "Gaps between subgroups", columns, rows, note)


def _elsewhere(found: Mapping[str, Any] | None) -> tuple[str, ...]:
    if found is None:
        return ("–", "–", "–")
    return (f"{found['prevalence']:g}", metric_text(found["ppv"]), metric_text(found["npv"]))
