from __future__ import annotations

import csv
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from keras_cwp.config import EvaluateConfig
from keras_cwp.errors import ScoresError
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.sections import write_report

FIGURES = {
    "roc", "roc_per_class", "precision_recall", "confusion", "reliability", "decision_curves", "folds", "training",
    "examples", "abstention",
}  # fmt: skip
TABLES = {
    "cohort", "fold_sizes", "classes", "pairs", "overall", "patients", "operating_points", "patient_operating_points",
    "calibration", "calibration_lines", "multinomial_calibration", "conformal", "fixed_specificity",
    "likelihood_ratios", "patient_likelihood_ratios", "subgroups", "subgroup_gaps", "checklist",
    "history", "environment",
}  # fmt: skip
VOID = {"meta", "link", "img", "br", "path", "use", "rect"}


class Page(HTMLParser):
    """Tags, attributes and text; ids must not repeat, tags must close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_every_figure_and_table_is_a_file_beside_the_page(folder: Path) -> None:
    assert {path.stem for path in (folder / "figures").glob("*.svg")} == FIGURES
    assert {path.stem for path in (folder / "figures").glob("*.png")} == FIGURES
    assert {path.stem for path in (folder / "tables").glob("*.csv")} == TABLES
    for path in (folder / "figures").glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    for path in (folder / "figures").glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_page_is_well_formed_and_its_ids_are_its_own(page: Page) -> None:
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = {attributes["href"][1:] for tag, attributes in page.tags if tag == "a"}
    used = {attributes["xlink:href"][1:] for tag, attributes in page.tags if tag == "use"}
    assert anchors | used <= set(ids)


def test_page_asks_the_network_for_nothing(folder: Path, page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in {"script", "iframe", "object", "embed"}
        for name in ("src", "href", "xlink:href", "srcset", "poster", "data"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, name)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"url\((?!#)", text)
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_every_figure_has_words_for_those_who_cannot_see_it(page: Page) -> None:
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(pictures) == len(FIGURES) - 1  # the examples are pictures of their own
    assert all(len(attributes["aria-label"] or "") > 20 for attributes in pictures)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 4  # two crops, one heat map, the colour bar
    assert all(attributes["alt"] for attributes in images)


def test_what_a_statistician_looks_for_is_said(page: Page) -> None:
    text = " ".join(page.text.split())
    for phrase in (
        "500 resamples of patients", "score interval", "pooled over all held-out ROIs", "Score intervals",
        "chosen on validation ROIs of each fold",
        "never on ROIs judged here", "DeLong, logit", "TRIPOD+AI", "CLAIM",
        "Patients were divided into three folds.", "not a medical device",
    ):  # fmt: skip
        assert phrase in text, phrase


def test_names_are_escaped(folder: Path, page: Page) -> None:
    assert "A run <with> & odd name" in page.text
    assert "<with>" not in (folder / "report.html").read_text(encoding="utf-8")


def test_table_holds_the_metrics(folder: Path, run: ReportInput) -> None:
    with open(folder / "tables" / "classes.csv", newline="", encoding="utf-8") as file:
        rows = {row["class"]: row for row in csv.DictReader(file)}
    auc = run.metrics["auc"]["per_class"]["small <pq>"]
    assert rows["small <pq>"]["AUC"] == (f"{auc['value']:.3f} [{auc['ci95'][0]:.3f}, {auc['ci95'][1]:.3f}]")
    with open(folder / "tables" / "cohort.csv", newline="", encoding="utf-8") as file:
        groups = {row["class"]: row for row in csv.DictReader(file)}
    assert groups["all"] == {"class": "all", "patients": "40", "images": "40", "ROIs": "120"}


def test_no_patient_stands_in_the_page(page: Page, run: ReportInput) -> None:
    assert not set(run.scores.patient_id.tolist()) & set(re.findall(r"\w+", page.text))


@pytest.mark.slow
def test_same_input_same_page(run: ReportInput, folder: Path, tmp_path: Path) -> None:
    write_report(run, tmp_path)
    assert (tmp_path / "report.html").read_bytes() == (folder / "report.html").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "rows",
    [lambda s: np.arange(1), lambda s: s.label == 0, lambda s: s.label != 0, lambda s: s.patient_id == "p1"],  # noqa: ARG005
    ids=["one ROI", "one class", "a class absent", "one patient"],
)
def test_degenerate_scores_still_give_a_page(run: ReportInput, tmp_path: Path, rows) -> None:
    scores = run.scores.take(rows(run.scores))
    metrics = evaluate(scores, EvaluateConfig(bootstraps=100), 0)
    path = write_report(ReportInput("few", scores, metrics, ""), tmp_path)
    text = " ".join(Page(path.read_text(encoding="utf-8")).text.split())
    assert "nan" not in text.lower().split()
    assert "Few patients" in text  # the caution about few patients


def test_scores_without_labels_are_refused(run: ReportInput, tmp_path: Path) -> None:
    unlabelled = replace(run, scores=replace(run.scores, label=np.full(len(run.scores), -1)))
    with pytest.raises(ScoresError, match="none of 120 ROIs has a label"):
        write_report(unlabelled, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_checklist_names_class_imbalance_and_external_data(folder: Path) -> None:
    with open(folder / "tables" / "checklist.csv", newline="", encoding="utf-8") as file:
        answers = {(row["TRIPOD+AI"], row["CLAIM"]): row["answer"] for row in csv.DictReader(file)}
    assert answers["13", "–"] == "How these metrics were obtained"
    assert answers["16", "33"] == "not given: this run has no data for it"  # its own held-out ROIs
    assert answers["16", "–"] == "for the authors to write"
