"""What a careful reader holds against the metrics, as far as the numbers show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_cwp.audit.lookalike_patients import ALL_ALIKE
from keras_cwp.wording import plural, verb

FEW_PATIENTS = 30


def few_patients(metrics: Mapping[str, Any]) -> list[str]:
    """A caution when a class has few patients; for a report and for a comparison alike."""
    few = {name: n["patients"] for name, n in metrics["counts"]["per_class"].items() if n["patients"] < FEW_PATIENTS}
    if not few:
        return []
    have = ", ".join(f"{name}: {patients}" for name, patients in few.items())
    return [f"Few patients of a class ({have}). Metrics that rest on these patients are rough."]


def cautions(metrics: Mapping[str, Any]) -> list[str]:
    """Few patients, ROIs left out, intervals that are missing or a fallback, no thresholds, look-alikes."""
    found = few_patients(metrics) + look_alikes(metrics.get("look_alikes")) + list(metrics.get("cautions", ()))
    if seen := metrics.get("seen_by_weights"):
        found.append(
            f"{plural(seen, 'radiograph')} {verb(seen, 'looks', 'look')} like some that the weights at the start "
            "(model.weights) were made from. Metrics on them are a little too good."
        )
    unlabelled = metrics["counts"]["unlabelled_rois"]
    if unlabelled:
        found.append(f"{plural(unlabelled, 'ROI')} without a label {verb(unlabelled, 'was', 'were')} left out.")
    for name, metric in (("macro AUC", metrics["auc"]["macro"]), ("accuracy", metrics["accuracy"])):
        if metric["ci95"] is None or "reason" in metric:
            found.append(f"Interval of the {name}: {metric['reason']}.")
    if metrics["thresholds"]["chosen_on"] is None:
        found.append("No operating points: " + metrics["thresholds"]["reason"] + ".")
    return found


def look_alikes(found: Mapping[str, Any] | None) -> list[str]:
    """Radiographs of different patients that look the same, as `run_lookalikes` counted them; None: not compared."""
    if not found or not found["pairs"]:
        return []
    if found["indistinct"]:
        return [f"{ALL_ALIKE[0].upper()}{ALL_ALIKE[1:]}."]
    pairs, apart = found["pairs"], found["across_parts"]
    said = f"{plural(pairs, 'pair')} of radiographs of different patients {verb(pairs, 'looks', 'look')} alike"
    if not apart:
        return [f"{said}; the radiographs of a pair were never on both sides of a split."]
    return [
        f"{said}, and {plural(apart, 'pair')} {verb(apart, 'has', 'have')} one radiograph among the training data and "
        "the other among the ROIs judged here. If a pair is one patient, the metrics are too good. keras-cwp audit "
        "shows the pairs."
    ]
