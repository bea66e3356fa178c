"""Tables of patients' stages: how far predictions agree with labels, and each patient's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_cwp.data.zones import ZONES
from keras_cwp.evaluation.stage_rules import RULES
from keras_cwp.evaluation.staging import Staged
from keras_cwp.report.tables import Table, metric_text
from keras_cwp.wording import plural

NO_STAGES = "Patients are not staged: {}."


def confusion_tables(staging: Mapping[str, Any]) -> list[Table]:
    """For each rule the stages by labels against those by predictions; the figures stand below."""
    return [_confusion(rule, own, staging) for rule, own in staging["rules"].items()]


def _confusion(rule: str, own: Mapping[str, Any], staging: Mapping[str, Any]) -> Table:
    rows = [
        (stage, *map(str, counts), str(sum(counts)))
        for stage, counts in zip(own["stages"], own["confusion"], strict=True)
    ]
    rows.append(("all", *(str(sum(column)) for column in zip(*own["confusion"], strict=True)), str(_total(own))))
    first = own["first"]
    note = (
        f"{plural(staging['patients'], 'patient')}, {staging['complete']:,} with all six zones. "
        f"Accuracy {metric_text(own['accuracy'])}, quadratic kappa {metric_text(own['kappa_quadratic'])}; "
        f"{first['name']}: sensitivity {metric_text(first['sensitivity'])}, specificity "
        f"{metric_text(first['specificity'])}."
    )
    header = ("by labels", *(f"predicted {stage}" for stage in own["stages"]), "all")
    return Table(f"stages_{rule}", f"Stages of patients: {own['title']}", header, tuple(rows), note)


def _total(own: Mapping[str, Any]) -> int:
    return sum(map(sum, own["confusion"]))


def missing_table(staging: Mapping[str, Any]) -> Table | None:
    """Patients without each zone; None where no zone is missing."""
    missing = staging["missing"]
    if not missing:
        return None
    rows = tuple((zone, f"{missing[zone]:,}") for zone in ZONES if zone in missing)
    return Table("missing_zones", "Zones without a ROI", ("zone", "patients without it"), rows)


def patient_stage_table(staged: Staged) -> Table:
    """A row a patient, under the pseudonym of the scores; in repeated cross-validation a row a repeat."""
    columns: dict[str, np.ndarray] = {"patient_id": staged.patient_id, "fold": staged.fold}
    columns["zones"] = staged.seen.sum(axis=1)
    columns["missing"] = np.array([_names(~row) for row in staged.seen])
    for rule in staged.rules:
        for side, stage in zip(("labelled", "predicted"), staged.stages(rule), strict=True):
            columns[f"{rule}_{side}"] = np.array(RULES[rule].stages)[stage]
    for side, lungs in (("labelled", staged.labelled), ("predicted", staged.predicted)):
        columns[f"profusion_{side}"] = np.where(lungs.overall < 0, "", lungs.overall.astype(str))
        columns[f"affected_zones_{side}"] = lungs.distribution
    rows = tuple(tuple(map(str, row)) for row in zip(*columns.values(), strict=True))
    return Table("patient_stages", "Stage of each patient", tuple(columns), rows)


def _names(chosen: np.ndarray) -> str:
    return "; ".join(zone for zone, own in zip(ZONES, chosen, strict=True) if own)
