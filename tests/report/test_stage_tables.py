"""Tables of stages: counts with their sums, zones that lack, and a row a patient."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from support.fold_stub import manifest_of, small_data

from keras_cwp.config import Config, DataConfig, EvaluateConfig
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.sections import write_report
from keras_cwp.report.stage_tables import confusion_tables, missing_table, patient_stage_table
from keras_cwp.report.zones_of import staged_patients, zone_texts
from keras_cwp.scores import Scores
from keras_cwp.staging_section import StagingConfig

STAGING = StagingConfig(profusion={"normal": 0, "opacity": 1})
CONFIG = Config(
    data=DataConfig(ordinal=("normal", "opacity")), evaluate=EvaluateConfig(bootstraps=100, staging=STAGING)
)


def data_and_scores(tmp_path: Path, zones: tuple[str, ...] = ("RU", "LL")):
    """Twelve patients with two ROIs each, in two zones; the scores in another order than the manifest."""
    data = small_data(tmp_path)
    rows = [replace(row, extra={"zone": zones[n % 2]}) for n, row in enumerate(data.manifest)]
    data = replace(data, manifest=manifest_of(rows))
    turned = rows[::-1]
    label = np.array([data.classes.index(row.label) for row in turned])
    sick = np.where(np.arange(len(rows)) % 5 == 0, 0.8 - 0.6 * label, 0.2 + 0.6 * label)  # every fifth is wrong
    names = [np.array([getattr(row, key) for row in turned]) for key in ("roi_key", "patient_key", "image_key")]
    return data, Scores(data.classes, *names, np.zeros(24, int), label, np.stack([1 - sick, sick], axis=1))


def test_zones_are_those_of_the_scored_rois(tmp_path):
    data, scores = data_and_scores(tmp_path)
    assert zone_texts(scores, data).tolist() == ["LL", "RU"] * 12
    assert zone_texts(scores, small_data(tmp_path)) is None
    assert staged_patients(scores, small_data(tmp_path), CONFIG) is None


def test_tables_and_page(tmp_path):
    data, scores = data_and_scores(tmp_path)
    staged = staged_patients(scores, data, CONFIG)
    zones = zone_texts(scores, data)
    metrics = evaluate(scores, CONFIG.evaluate, 0, order=CONFIG.data.ordinal, zones=zones)
    first, second = confusion_tables(metrics["staging"])
    assert (first.name, second.name) == ("stages_gbz70", "stages_ilo")
    assert first.header == ("by labels", "predicted 0", "predicted I", "predicted II", "predicted III", "all")
    counts = np.array([row[1:] for row in first.rows]).astype(int)
    assert counts[-1].tolist() == counts[:-1].sum(axis=0).tolist()
    assert counts[:, -1].tolist() == counts[:, :-1].sum(axis=1).tolist()
    assert counts[-1, -1] == 12
    assert "12 patients, 0 with all six zones. Accuracy 0." in first.note
    lacking = missing_table(metrics["staging"])
    assert lacking.rows == tuple((f"{s} {level}", "12") for s, level in
        (("right", "middle"), ("right", "lower"), ("left", "upper"), ("left", "middle")))  # fmt: skip
    table = patient_stage_table(staged)
    assert len(table.rows) == 12
    assert {row[0] for row in table.rows} == set(scores.patient_id)
    write_report(ReportInput("run", scores, metrics, "how", staged=staged), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Stages of patients: GBZ 70" in page
    assert "12 of 12 patients lack zones (2 of 6 at the fewest)" in page
    with open(tmp_path / "out" / "tables" / "patient_stages.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["missing"] for row in rows] == ["right middle; right lower; left upper; left middle"] * 12
    stages = [row["gbz70_labelled"] for row in rows]
    assert stages == ["I" if row["affected_zones_labelled"] == "2" else "0" for row in rows]
    assert set(stages) == {"0", "I"}


def test_a_strange_zone_is_the_reason_on_the_page(tmp_path):
    data, scores = data_and_scores(tmp_path, ("RU", "hilum"))
    zones = zone_texts(scores, data)
    metrics = evaluate(scores, CONFIG.evaluate, 0, order=CONFIG.data.ordinal, zones=zones)
    staged = staged_patients(scores, data, CONFIG)
    assert staged is None
    write_report(ReportInput("run", scores, metrics, "how", staged=staged), tmp_path / "out")
    assert (
        "Patients are not staged: zone &#39;hilum&#39; is not a zone" in (tmp_path / "out" / "report.html").read_text()
    )
    assert not (tmp_path / "out" / "tables" / "patient_stages.csv").exists()
