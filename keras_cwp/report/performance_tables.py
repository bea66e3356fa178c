"""Tables of performance, each read from metrics.json's tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_cwp.report.tables import Table, interval_text, metric_text

_WHOLE = (
    ("AUC, macro", ("auc", "macro")),
    ("AUC, micro", ("auc", "micro")),
    ("AUC, Hand and Till", ("auc", "hand_till")),
    ("average precision, macro", ("average_precision", "macro")),
    ("accuracy", ("accuracy",)),
    ("balanced accuracy", ("balanced_accuracy",)),
    ("F1, macro", ("f1", "macro")),
    ("Cohen's kappa", ("kappa", "unweighted")),
    ("Cohen's kappa, linear", ("kappa", "linear")),
    ("Cohen's kappa, quadratic", ("kappa", "quadratic")),
    ("Matthews' correlation", ("mcc",)),
    ("log loss (nats)", ("log_loss",)),
    ("Brier score (0 to 2)", ("brier",)),
    ("calibration error, debiased", ("ece",)),
)


def _at(tree: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    found: Any = tree
    for name in path:
        found = found[name]
    return found


def overall_table(metrics: Mapping[str, Any]) -> Table:
    """Metrics over all classes: pooled and, where there are several folds, mean over folds."""
    folds = metrics.get("folds")
    header = (
        ("metric", "value", "95 % interval") if not folds else ("metric", "pooled", "mean over folds", "SD of folds")
    )
    rows: list[tuple[str, ...]] = []
    for label, path in _WHOLE:
        pooled = _at(metrics, path)
        if not folds:
            rows.append((label, metric_text(pooled | {"ci95": None}), interval_text(pooled)))
        else:
            mean = _at(folds["mean"], path)
            spread = "–" if mean["spread"] is None else f"{mean['spread']:.3f}"
            rows.append((label, metric_text(pooled), metric_text(mean), spread))
    return Table("overall", "Metrics of all classes together", header, tuple(rows), _reasons(metrics))


def class_table(metrics: Mapping[str, Any]) -> Table:
    """AUC with both intervals, average precision and F1 of each class against all others, and their means."""
    header = ("class", "ROIs", "AUC", "[DeLong, logit]", "average precision", "F1")
    rows = [
        (
            name,
            f"{metrics['counts']['per_class'][name]['rois']:,}",
            metric_text(metrics["auc"]["per_class"][name]),
            interval_text(metrics["delong"]["per_class"][name]),
            metric_text(metrics["average_precision"]["per_class"][name]),
            metric_text(metrics["f1"]["per_class"][name]),
        )
        for name in metrics["classes"]
    ]
    macro = [metric_text(metrics[kind]["macro"]) for kind in ("auc", "average_precision", "f1")]
    total = f"{metrics['counts']['rois']:,}"
    rows.append(("macro (mean)", total, macro[0], interval_text(metrics["delong"]["macro"]), macro[1], macro[2]))
    note = "The two intervals rest on the same variance over patients, on different scales. Near an AUC of 1 that "
    note += "variance is known badly, and only the first interval counts; DeLong has none at 1."
    return Table("classes", "Each class against all others", header, tuple(rows), note)


def pair_table(metrics: Mapping[str, Any]) -> Table | None:
    """Hand and Till's AUC of each pair of classes; None for two classes, where it equals the AUC."""
    pairs = metrics["auc"]["pairwise"]
    if len(pairs) < 2:
        return None
    rows = tuple((pair, metric_text(figure)) for pair, figure in pairs.items())
    return Table("pairs", "Class against class", ("pair", "AUC"), rows, "Among ROIs of these two classes only.")


def operating_table(thresholds: Mapping[str, Any]) -> Table | None:
    """Sensitivity, specificity and predictive values at thresholds from validation; None without validation scores.

    Args:
        thresholds: the tree of that name, of ROIs or of patients.
    """
    points = thresholds["per_class"]
    if not points:
        return None
    header = ("class", "threshold", "sensitivity", "specificity", "PPV", "NPV")
    rows = [
        (name, _threshold_text(own["thresholds"]), *(metric_text(own[rate]) for rate in _RATES))
        if "sensitivity" in own
        else (name, *["–"] * 5)
        for name, own in points.items()
    ]
    reasons = " ".join(f"{name}: {own['reason']}." for name, own in points.items() if "reason" in own)
    note = (
        f"Rule: {thresholds['rule']}. Thresholds chosen on {chosen_on(thresholds)}, never on ROIs judged here. "
        f"Score intervals, clustered by patient. PPV and NPV hold only for data with such class shares. {reasons}"
    )
    of_patients = thresholds["level"] == "patient"
    name, title = ("patient_operating_points", "Patients") if of_patients else ("operating_points", "ROIs")
    return Table(name, f"{title} at thresholds chosen on validation", header, tuple(rows), note.strip())


def chosen_on(thresholds: Mapping[str, Any]) -> str:
    """Which ROIs or patients the thresholds come from: of each fold, or of the one split that there was."""
    splits = {split for own in thresholds["per_class"].values() for split in own.get("thresholds", ())}
    units = "patients" if thresholds["level"] == "patient" else "ROIs"
    one_split = len(splits) == 1 and splits != {"all"}
    return f"{units} of the validation split" if one_split else str(thresholds["chosen_on"])


def patient_table(metrics: Mapping[str, Any]) -> Table:
    """AUC and average precision with patients as the cases."""
    level = metrics["patient_level"]
    header = ("class", "patients with it", "AUC", "average precision")
    rows = [
        (name, f"{level['positives'][name]:,}", *(metric_text(level[kind]["per_class"][name]) for kind in _RANKED))
        for name in metrics["classes"]
    ]
    rows.append(("macro (mean)", f"of {level['units']:,}", *(metric_text(level[kind]["macro"]) for kind in _RANKED)))
    note = (
        f"The question: does the patient have a ROI of the class? {level['meaning'][0].upper()}{level['meaning'][1:]}."
    )
    return Table("patients", "Patient by patient", header, tuple(rows), note)


def calibration_table(metrics: Mapping[str, Any]) -> Table | None:
    """Before and after recalibration; None without validation scores."""
    found = metrics["calibration"]
    if "temperature" not in found:
        return None
    rows = tuple(
        (label, *(metric_text(found[key][metric]) for metric in ("log_loss", "brier", "ece")))
        for key, label in (
            ("as_is", "of the model, unchanged"),
            ("temperature", "temperature scaling"),
            ("isotonic", "isotonic regression"),
        )
        if key in found
    )
    note = "Fitted on validation ROIs, judged on the ROIs of this page. "
    note += f"Temperature {_threshold_text(found['temperatures'])}; "
    note += "above 1: the model was too sure, below 1: not sure enough. All other tables and plots use the unchanged "
    note += "probabilities, but for the decision curves."
    return Table("calibration", "Recalibration", ("probabilities", "log loss", "Brier", "ECE"), rows, note)


def subgroup_table(metrics: Mapping[str, Any]) -> Table | None:
    """Metrics within each value of each column; None without such columns."""
    rows = [
        (
            column,
            value,
            f"{own['patients']:,}",
            f"{own['rois']:,}",
            *(metric_text(metric) for metric in (own["auc"]["macro"], own["auc"]["micro"], own["accuracy"])),
        )
        for column, values in metrics["subgroups"].items()
        for value, own in values.items()
    ]
    if not rows:
        return None
    header = ("column", "value", "patients", "ROIs", "AUC, macro", "AUC, micro", "accuracy")
    note = "Overlapping intervals do not show that subgroups are equal; these ROIs may be too few to show a difference."
    return Table("subgroups", "Within subgroups", header, tuple(rows), note)


_RATES = ("sensitivity", "specificity", "ppv", "npv")
_RANKED = ("auc", "average_precision")


def _threshold_text(values: Mapping[str, float | None]) -> str:
    """0.42, or 0.31 to 0.44 where folds differ; "none reached" where no score satisfies the rule."""
    known = [value for value in values.values() if value is not None]
    if not known:
        return "none reached"
    lowest, highest = f"{min(known):.3f}", f"{max(known):.3f}"
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _reasons(metrics: Mapping[str, Any]) -> str:
    """Why values or intervals are missing or of a fallback method: each reason once, with the metrics it is about."""
    labels: dict[str, list[str]] = {}
    for label, path in _WHOLE:
        if reason := _at(metrics, path).get("reason"):
            labels.setdefault(reason, []).append(label)
    return " ".join(f"Not given or by another method: {'; '.join(own)} ({reason})." for reason, own in labels.items())
