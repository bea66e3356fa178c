"""Figures of metrics.json that are best said in a sentence: what it is, and what it means here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_cwp.report.tables import metric_text, p_text
from keras_cwp.wording import plural

SIGNIFICANT = 0.05
_DISEASE = "any_disease"


def question_sentences(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """One for each question about a patient that goes beyond a single class; none where nothing says what is normal."""
    level = metrics["patient_level"]
    found = []
    for name, own in level["questions"].items():
        asked = "any disease" if name == _DISEASE else f"{name.removeprefix('at_least ')} or worse"
        having = f"{own['positives']:,} of {plural(level['units'], 'patient')} have a ROI of it"
        if own["auc"]["value"] is None:
            found.append(f"Does a patient have {asked}? No AUC: {own['auc']['reason']} ({having}).")
        else:
            found.append(f"Does a patient have {asked}? AUC {metric_text(own['auc'])}; {having}.")
    return tuple(found)


def roi_count_sentence(metrics: Mapping[str, Any]) -> str | None:
    """What the number of ROIs alone tells about patients; None where each patient has one ROI, or no AUC."""
    level = metrics["patient_level"]
    alone, model = level["roi_count"]["macro"], level["auc"]["macro"]
    if alone["value"] is None or model["value"] is None or level["units"] == metrics["counts"]["rois"]:
        return None
    return (
        f"Without the model, the number of ROIs of a patient alone has a macro AUC of {metric_text(alone)}; the model "
        f"has {metric_text(model)}. What the number alone achieves tells how ROIs were marked, not what they show."
    )


def rank_sentence(metrics: Mapping[str, Any]) -> str | None:
    """Pooled AUC with and without a common scale of the folds; None where there is one fold."""
    folds = metrics["folds"]
    if not folds or folds["rank_normalised"]["auc"]["macro"]["value"] is None:
        return None
    ranked, mean = folds["rank_normalised"]["auc"]["macro"], folds["mean"]["auc"]["macro"]
    return (
        f"With scores replaced by their ranks within each fold, the pooled macro AUC is {metric_text(ranked)}; with "
        f"the scores as they are {metric_text(metrics['auc']['macro'])}, and the mean over folds {metric_text(mean)}. "
        "Values that differ mean that the models of the folds answer on different scales."
    )


def calibration_sentence(test: Mapping[str, Any]) -> str:
    """What the calibration test found."""
    if test["p"] is None:
        return f"No test of calibration: it {test['reason']}, and there are {test['patients']:,}."
    gaps = f"Calibration test over {plural(test['patients'], 'patient')}: {p_text(test['p'])}."
    if test["p"] < SIGNIFICANT:
        return (
            f"{gaps} The probabilities of this model do not agree with the observed shares: do not read them as risks."
        )
    return f"{gaps} These ROIs do not show a gap between probabilities and outcomes; few ROIs may hide one."


def interaction_sentences(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """One for each column: whether its subgroups differ at all, tested once."""
    found = []
    for column, test in metrics["interactions"].items():
        without = (
            f" Left out, with too few patients of a class: {', '.join(test['left_out'])}." if test["left_out"] else ""
        )
        if test["p"] is None:
            found.append(f"{column}: not tested, {test['reason']}.")
            continue
        shown = "differs between" if test["p"] < SIGNIFICANT else "is not shown to differ between"
        found.append(
            f"{column}: the macro AUC {shown} its {len(test['compared'])} subgroups ({p_text(test['p'])}).{without}"
        )
    return tuple(found)


def detectable_sentence(pair: Mapping[str, Any]) -> str:
    """The difference of macro AUCs that a study of this size finds; why there is none otherwise."""
    test, names = pair["delong"]["macro"], f"{pair['first']} and {pair['second']}"
    if "detectable" not in test:
        return f"{names}: no difference can be found: {test['reason']}."
    return (
        f"{names}: a true difference of {test['detectable']:.3f} in macro AUC would be found in 80 % of such studies. "
        "No difference found does not exclude a smaller one."
    )


def non_inferior_sentences(pair: Mapping[str, Any]) -> tuple[str, ...]:
    """Whether each model of a pair is shown to be no worse than the other by a margin; none where not asked."""
    found = pair["delong"]["macro"].get("non_inferior")
    if not found:
        return ()
    both = ((pair["first"], pair["second"], found["first_p"]), (pair["second"], pair["first"], found["second_p"]))
    return tuple(_non_inferior(*own, found["margin"]) for own in both)


def _non_inferior(name: str, other: str, p: float, margin: float) -> str:
    shown = "is shown" if p < SIGNIFICANT / 2 else "is not shown"
    return (
        f"That {name} is worse than {other} by less than {margin:g} in macro AUC {shown} (one-sided {p_text(p)}, "
        f"to be below {SIGNIFICANT / 2:g})."
    )
