"""The participant flow: what was left out and why, the parts of each fold, what was judged."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from keras_cwp.config import DataConfig
from keras_cwp.data.left_out import read_left_out
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SPLIT_FILE, split_csv
from keras_cwp.report.flow import flow_table, participant_flow
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.sections import write_report
from keras_cwp.training.run import RunFolder


def films(folder: Path) -> Path:
    """Eight films of four patients, one of them no image, and a ROI of a class that is to be left out."""
    folder.mkdir()
    rows = ["image,patient_id,label"]
    for number in range(8):
        cv2.imwrite(str(folder / f"{number}.png"), np.random.default_rng(number).integers(0, 256, (64, 64), np.uint8))
        rows.append(f"{number}.png,p{number // 2},{'normal' if number % 2 else 'opacity'}")
    (folder / "7.png").write_bytes(b"no image")
    cv2.imwrite(str(folder / "8.png"), np.random.default_rng(8).integers(0, 256, (64, 64), np.uint8))
    (folder / "rois.csv").write_text("\n".join([*rows, "8.png,p9,unclear"]) + "\n")
    (folder / "labels.yaml").write_text("normal: normal\nopacity: opacity\nunclear: null\n")
    return folder / "rois.csv"


def test_what_was_left_out_is_recorded_with_the_reason(tmp_path: Path) -> None:
    table = films(tmp_path / "in")
    said: list[str] = []
    labels = tmp_path / "in" / "labels.yaml"
    config = DataConfig(image_size=32)
    data = prepare(table, table.parent, tmp_path / "data", config, note=said.append, skip_bad=True, labels=labels)
    assert PreparedData.open(data.path).meta == data.meta  # and its hash still holds
    one = {"rois": 1, "images": 1, "patients": 1}
    assert read_left_out(data) == {"could not be used (--skip-bad)": one, "label mapped to nothing (--labels)": one}
    assert any("left out" in line for line in said)
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    parts = np.where(data.patients == data.patients[0], "test", "train")
    (run.path / SPLIT_FILE).write_text(split_csv(data, {0: parts}))
    metrics = {"counts": {"patients": 1, "images": 2, "rois": 2, "unlabelled_rois": 0}}
    flow = participant_flow(run, data, metrics, elsewhere=False)
    rows = {row[0]: row[1:] for row in flow[2:]}
    assert rows["prepared"] == ("4", "7", "7", "")
    assert rows["trained on"][0] == "3"
    assert rows["held out"] == ("1", "2", "2", "")
    assert rows["judged"] == ("1", "2", "2", "")
    assert flow[0][1:] == ("1", "1", "1", "label mapped to nothing (--labels)")
    elsewhere = [row[0] for row in participant_flow(run, data, metrics, elsewhere=True)]
    assert "trained on" not in elsewhere
    notes = [flow_table(participant_flow(run, data, metrics, elsewhere=own)).note for own in (False, True)]
    assert ["one part of a fold only" in note for note in notes] == [True, False]


def test_a_radiograph_that_is_lost_counts_with_all_its_regions_and_an_entry_that_is_bad_alone(tmp_path: Path) -> None:
    """Two regions on the film that is no image; a line whose box is no number is read as nothing of anybody."""
    table = films(tmp_path / "in")
    rows = [line.split(",") for line in table.read_text().split()]
    lines = ["image,patient_id,label,x,y,width,height"]
    lines += [",".join([*row, "4", "4", "32", "32"]) for row in [*rows[1:-1], rows[-2]]]
    lines[-1] = lines[-1].replace("4,4,32", "20,20,32")
    table.write_text("\n".join([*lines, "0.png,p0,opacity,x,4,32,32"]) + "\n")
    data = prepare(table, table.parent, tmp_path / "data", DataConfig(image_size=32), skip_bad=True)
    assert data.meta["counts"]["rois"] == 7
    assert read_left_out(data) == {"could not be used (--skip-bad)": {"rois": 3, "images": None, "patients": None}}
    table.write_text("\n".join(lines) + "\n")
    data = prepare(table, table.parent, tmp_path / "again", DataConfig(image_size=32), skip_bad=True)
    assert read_left_out(data) == {"could not be used (--skip-bad)": {"rois": 2, "images": 1, "patients": 1}}


def test_a_data_set_of_an_earlier_version_says_that_it_does_not_know(tmp_path: Path) -> None:
    counts = {"patients": 4, "images": 7, "rois": 7}
    data = SimpleNamespace(path=tmp_path, meta={"counts": counts})
    metrics = {"counts": counts | {"unlabelled_rois": 2}}
    rows = participant_flow(RunFolder(tmp_path), data, metrics, elsewhere=True)  # type: ignore[arg-type]
    assert rows[0][-1] == "not recorded by the version that prepared it"
    assert ("left out of the metrics", "–", "–", "2", "no label") in rows
    data.meta["left_out"] = {"could not be used (--skip-bad)": 3}
    rows = participant_flow(RunFolder(tmp_path), data, metrics, elsewhere=True)  # type: ignore[arg-type]
    assert rows[0][1:4] == ("–", "–", "3")
    data.meta["left_out"] = {}
    rows = participant_flow(RunFolder(tmp_path), data, metrics, elsewhere=True)  # type: ignore[arg-type]
    assert rows[0][1:] == ("0", "0", "0", "nothing was left out")


def test_the_flow_stands_on_the_page_and_as_a_table(run: ReportInput, tmp_path: Path) -> None:
    assert flow_table(run.flow) is None
    write_report(replace(run, flow=(("prepared", "40", "40", "120", ""),)), tmp_path)
    assert "Participant flow" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with open(tmp_path / "tables" / "flow.csv", newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["patients"] == "40"
