"""Patients staged from their zones, by the labels and by the predicted classes, and how far the two agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_cwp.config import EvaluateConfig
from keras_cwp.data.zones import NO_ZONE, ZONES, seem_lobes, zones_of
from keras_cwp.errors import CwpError, ScoresError
from keras_cwp.evaluation.agreement import confusion_matrix, kappa, right_estimates, right_statistic
from keras_cwp.evaluation.agreement_interval import chance_of
from keras_cwp.evaluation.estimates import proportion_of
from keras_cwp.evaluation.intervals import Figure, Measured, estimated, with_intervals
from keras_cwp.evaluation.profusion import UNREAD, Profusions, profusions_of
from keras_cwp.evaluation.roi_metrics import Order, perfect_kappa
from keras_cwp.evaluation.stage_rules import RULES, Lungs, lungs_of
from keras_cwp.evaluation.statistic import Key
from keras_cwp.scores import Scores
from keras_cwp.wording import plural, verb

_NO_ORDER = "stages need the order of the classes, which data.ordinal gives"
_QUADRATIC = ("kappa", "quadratic")


@dataclass(frozen=True, eq=False)
class Staged:
    """Patients with a zone, as a row each (in repeated cross-validation, a row a repeat).

    Args:
        patient_id: str [rows].
        fold: int [rows].
        seen: bool [rows, 6]; zones with a ROI.
        labelled, predicted: what the zones show.
        rules: those that were asked for.
        notes: sentences on what is missing or was read in a way that may matter.
        missing: zone -> patients without it, for zones that some patient lacks.
    """

    patient_id: np.ndarray
    fold: np.ndarray
    seen: np.ndarray
    labelled: Lungs
    predicted: Lungs
    rules: tuple[str, ...]
    notes: tuple[str, ...]
    missing: dict[str, int]

    def stages(self, rule: str) -> tuple[np.ndarray, np.ndarray]:
        """int [rows]: the stage by labels and by predicted classes."""
        return RULES[rule].stage(self.labelled), RULES[rule].stage(self.predicted)


def stage_patients(scores: Scores, zones: np.ndarray, config: EvaluateConfig, order: Order) -> Staged | None:
    """Stage every patient of labelled rows; the predicted class of a ROI is the one with the highest probability.

    Args:
        zones: str [rows], the names of zones in the ROI table; "" where a ROI has none.
        order: all classes from least to most disease. None: they have none, and classes are profusions only where the
            configuration says so.

    Returns:
        None where staging is switched off.

    Raises:
        ConfigError: classes that are no profusions.
        DataError: a zone with a strange name.
        ScoresError: no ROI has a zone, or the classes have no order.
    """
    if config.staging.rule == "none":
        return None
    if order is None and not config.staging.stated:
        raise ScoresError(_NO_ORDER)
    known = profusions_of(scores.classes, config.staging, order)
    zone = zones_of(zones)
    if (zone == NO_ZONE).all():
        raise ScoresError("no ROI has a zone")
    own, place = scores.take(zone != NO_ZONE), zone[zone != NO_ZONE]
    pairs = np.stack([own.patient_id.astype(str), own.fold.astype(str)])
    _, first, unit = np.unique(pairs, axis=1, return_index=True, return_inverse=True)
    unit = unit.ravel()
    seen = np.zeros((len(first), len(ZONES)), dtype=bool)
    seen[unit, place] = True
    missing = {name: len(set(own.patient_id[first][~seen[:, z]].tolist())) for z, name in enumerate(ZONES)}
    return Staged(
        own.patient_id[first],
        own.fold[first],
        seen,
        _lungs(unit, place, own.label, known),
        _lungs(unit, place, own.probabilities.argmax(axis=1), known),
        tuple(RULES) if config.staging.rule == "auto" else (config.staging.rule,),
        (*_of_zones(scores, own, place, seen, first, zones), *_of_classes(scores.classes, known, config)),
        {name: count for name, count in missing.items() if count},
    )


def staging_figures(
    scores: Scores, zones: np.ndarray | None, config: EvaluateConfig, seed: int, order: Order
) -> dict[str, Any] | None:
    """How far stages by predicted classes agree with those by labels, ready for JSON.

    Args:
        zones: str [rows]; None: the ROI table names none.

    Returns:
        None where no stages were asked for: no zones, or evaluate.staging.rule none. `reason` alone where patients
        cannot be staged. Else `patients`, `complete` (with all six zones), `missing` (zone -> patients without it),
        `notes`, and `rules`: for each its `title`, `stages`, `confusion` (rows by labels), `accuracy`,
        `kappa_quadratic`, and `first` with `name`, `sensitivity` and `specificity`.
    """
    if zones is None:
        stated = config.staging.stated
        return {"reason": "evaluate.staging needs a column zone in the ROI table, and it has none"} if stated else None
    try:
        staged = stage_patients(scores, zones, config, order)
    except CwpError as error:
        return {"reason": str(error)}
    if staged is None:
        return None
    complete = staged.seen.all(axis=1)
    return {
        "patients": len(np.unique(staged.patient_id)),
        "complete": len(np.unique(staged.patient_id[complete])),
        "missing": staged.missing,
        "notes": list(staged.notes),
        "rules": {rule: _agreement(staged, rule, config, seed) for rule in staged.rules},
    }


def _agreement(staged: Staged, rule: str, config: EvaluateConfig, seed: int) -> dict[str, Any]:
    labelled, predicted = staged.stages(rule)
    stages = RULES[rule].stages
    cell = labelled * len(stages) + predicted
    membership = (cell == np.arange(len(stages) ** 2)[:, None]).astype(float)

    def weighted(weights: np.ndarray) -> dict[Key, np.ndarray]:
        return {_QUADRATIC: kappa((membership @ weights).reshape(len(stages), len(stages), -1), 2)}

    names, patient = np.unique(staged.patient_id, return_inverse=True)
    table = Measured(
        staged.patient_id,
        weighted,
        right_statistic(labelled, predicted),
        right_estimates(labelled, predicted, patient, len(names)),
        perfect={_QUADRATIC: perfect_kappa(labelled, staged.patient_id)},
        chance={_QUADRATIC: chance_of(labelled, predicted)},
        why_undefined=lambda _: "all patients are in one stage, by labels and by predictions",
    )
    found = with_intervals(table, config, seed)
    return {
        "title": RULES[rule].title,
        "stages": list(stages),
        "confusion": confusion_matrix(labelled, predicted, len(stages)).tolist(),
        "accuracy": found[("accuracy",)],
        "kappa_quadratic": found[_QUADRATIC],
        "first": {"name": RULES[rule].first, **_of_first(labelled > 0, predicted > 0, patient, len(names))},
    }


def _of_first(sick: np.ndarray, called: np.ndarray, patient: np.ndarray, patients: int) -> dict[str, Figure]:
    found = {}
    for name, rows, right in (("sensitivity", sick, called), ("specificity", ~sick, ~called)):
        part = proportion_of(right[rows], patient[rows], patients)
        value = np.nan if part is None else part.value
        which = "has a stage" if name == "sensitivity" else "has no stage"
        found[name] = estimated(part, value, f"no patient {which} by the labels")
    return found


def _lungs(unit: np.ndarray, zone: np.ndarray, answers: np.ndarray, known: Profusions) -> Lungs:
    marks = np.stack([known.large[answers], known.coalescence[answers]], axis=1)
    return lungs_of(unit, zone, known.profusion[answers], marks)


def _of_zones(
    scores: Scores, own: Scores, place: np.ndarray, seen: np.ndarray, first: np.ndarray, zones: np.ndarray
) -> Iterator[str]:
    """Sentences on missing zones, on ROIs without one, and on zones that stand on several radiographs."""
    patients = own.patient_id[first]
    total, lacking = len(np.unique(patients)), len(np.unique(patients[~seen.all(axis=1)]))
    if lacking:
        fewest = int(seen.sum(axis=1).min())
        yield (
            f"{lacking} of {plural(total, 'patient')} {verb(lacking, 'lacks', 'lack')} zones ({fewest} of {len(ZONES)} "
            "at the fewest). They are staged from the zones that are there, so their stage may be too low, by labels "
            "and by predictions alike."
        )
    if left := len(np.unique(scores.roi_id)) - len(np.unique(own.roi_id)):
        whole = len(np.unique(scores.patient_id)) - total
        more = f"; {plural(whole, 'patient')} with no other ROI {verb(whole, 'is', 'are')} not staged" if whole else ""
        yield f"{plural(left, 'ROI')} without a zone {verb(left, 'is', 'are')} left out{more}."
    if several := _on_several(own, place):
        yield (
            f"{plural(several, 'patient')} {verb(several, 'has', 'have')} a zone on more than one radiograph; its "
            "highest profusion counts."
        )
    if seem_lobes(zones):
        yield (
            "Zones are called RUL and the like, and none is called LML. They are read as zones; if they are lobes, "
            "the stages are wrong."
        )


def _on_several(own: Scores, place: np.ndarray) -> int:
    """Patients with a zone that stands on several radiographs."""
    columns = [own.patient_id.astype(str), place.astype(str), own.image.astype(str)]
    spots = np.unique(np.stack(columns), axis=1)
    zones, counts = np.unique(spots[:2], axis=1, return_counts=True)
    return len(np.unique(zones[0][counts > 1]))


def _of_classes(classes: tuple[str, ...], known: Profusions, config: EvaluateConfig) -> Iterator[str]:
    """Sentences on what the classes cannot say."""
    large = [name for name, own in zip(classes, known.large, strict=True) if own]
    if config.staging.rule in ("auto", "gbz70"):
        if not known.coalescence.any():
            rest = "rests on large opacities alone" if large else "cannot be reached"
            yield f"GBZ 70: no class says that small opacities coalesce, so stage III {rest}."
        if large:
            yield (
                f"GBZ 70: the size of large opacities is not measured; each ROI of class {' or '.join(large)} counts "
                "as 20 mm by 10 mm or more."
            )
        elif known.coalescence.any():
            yield "GBZ 70: no class is a large opacity, so stage III rests on coalescence alone."
    if config.staging.rule in ("auto", "ilo"):
        yield (
            "ILO: the category is that of the worst zone. A reader who judges the affected zones together may give a "
            "lower one. Large opacities are not divided into A, B and C."
        )
    if any(known.profusion[classes.index(name)] == UNREAD for name in large):
        yield "Small opacities beside a large one are not known where a zone has no other ROI."
