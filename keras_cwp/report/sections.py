"""The sections of a run's report, in their order: navigation, page and checklist all read this one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keras_cwp.evaluation.verdict import is_evidence, verdict
from keras_cwp.explain.common_scale import HIGH, LOW
from keras_cwp.explain.overlay import colour_bar
from keras_cwp.report.abstention_plot import draw_abstention
from keras_cwp.report.benefit_plots import draw_decision_curves
from keras_cwp.report.blocks import Beside, Block, Cautions, Code, ColourBar, FileOnly, Gallery, Listing, Text
from keras_cwp.report.cautions import cautions
from keras_cwp.report.checklist import checklist_table
from keras_cwp.report.decision_plots import draw_confusion, draw_folds, draw_reliability
from keras_cwp.report.examples import data_uri, draw_examples, gallery
from keras_cwp.report.flow import flow_table
from keras_cwp.report.page import Page, Section, fill, write_page
from keras_cwp.report.performance_tables import (
    calibration_table,
    class_table,
    operating_table,
    overall_table,
    pair_table,
    patient_table,
    subgroup_table,
)
from keras_cwp.report.ranking_plots import draw_precision_recall, draw_roc, draw_roc_per_class
from keras_cwp.report.reader_tables import agreement_table, beside_table, why_not_beside
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.stage_tables import NO_STAGES, confusion_tables, missing_table, patient_stage_table
from keras_cwp.report.statements import (
    calibration_sentence,
    interaction_sentences,
    question_sentences,
    rank_sentence,
    roi_count_sentence,
)
from keras_cwp.report.statistics_tables import (
    calibration_line_table,
    conformal_table,
    fixed_specificity_table,
    gap_table,
    multinomial_table,
    ratio_table,
)
from keras_cwp.report.summary import methods, result, tiles
from keras_cwp.report.tables import cohort_table, environment_table, folds_table, history_table
from keras_cwp.report.training_plots import draw_training, has_curves

_RELIABILITY_BINS = 10
_MAPS = (
    "Left: the ROI as the network sees it. Right: the same ROI under a heat map; warmer regions raised the score of "
    "the predicted class more. All maps of this page have one scale. A map shows where the network looked, not why, "
    "and does not prove that it recognised the finding."
)
_LOOK = (
    "Click a cell of the confusion matrix to see its ROIs. Left and right arrow: previous and next ROI; h: heat map; "
    "i: invert; drag on the picture: window and level. A patient's number holds on this page only."
)


def write_report(run: ReportInput, out: Path | str) -> Path:
    """Write `report.html`, `figures/*.svg` and `.png`, and `tables/*.csv` into a folder.

    Args:
        out: a folder, made where it does not exist; files of the same names are replaced.

    Returns:
        The path of the page.

    Raises:
        ScoresError: no ROI has a label.
        CwpError: the folder cannot be written.
    """
    page = Page(
        kind="Report of a model that classifies ROIs of chest radiographs",
        title=run.title,
        lead=result(run),
        sections=fill(SECTIONS, run, "".join(run.scores.classes)),
        alarm=verdict(run.metrics),
        alarm_level="good" if is_evidence(run.metrics) else "bad",
        facts=run.facts,
        tiles=tiles(run),
    )
    path = Path(out) / "report.html"
    write_page(page, path)
    return path


def _present(*blocks: Block | None) -> list[Block]:
    return [block for block in blocks if block is not None]


def _listing(title: str, *lines: str | None) -> Listing | None:
    """The sentences that there are."""
    known = tuple(line for line in lines if line is not None)
    return Listing(title, known) if known else None


def _method(run: ReportInput) -> Sequence[Block]:
    found = cautions(run.metrics)
    return [*map(Text, methods(run)), *([Cautions(tuple(found))] if found else [])]


def _data(run: ReportInput) -> Sequence[Block]:
    return _present(flow_table(run.flow), cohort_table(run.scores), folds_table(run.scores))


def _other_data(run: ReportInput) -> Sequence[Block]:
    return _present(run.other_data)


def _discrimination(run: ReportInput) -> Sequence[Block]:
    classes, metrics = run.known.classes, run.metrics
    return _present(
        Beside((draw_roc(run.bands, classes, metrics), draw_precision_recall(run.known, metrics))),
        draw_roc_per_class(run.bands, classes, metrics),
        class_table(metrics),
        pair_table(metrics),
        patient_table(metrics),
        _listing("Questions about a patient", *question_sentences(metrics), roi_count_sentence(metrics)),
        overall_table(metrics),
    )


def _decisions(run: ReportInput) -> Sequence[Block]:
    return _present(
        operating_table(run.metrics["thresholds"]),
        operating_table(run.metrics["patient_level"]["thresholds"]),
        ratio_table(run.metrics["thresholds"]),
        ratio_table(run.metrics["patient_level"]["thresholds"]),
        fixed_specificity_table(run.metrics),
        conformal_table(run.metrics),
        draw_abstention(run.metrics),
        draw_confusion(run.metrics),
        draw_decision_curves(run.metrics["net_benefit"]),
    )


def _probabilities(run: ReportInput) -> Sequence[Block]:
    return _present(
        draw_reliability(run.known, _RELIABILITY_BINS),
        Text(calibration_sentence(run.metrics["calibration_test"])),
        calibration_line_table(run.metrics),
        multinomial_table(run.metrics),
        calibration_table(run.metrics),
    )


def _subgroups(run: ReportInput) -> Sequence[Block]:
    return _present(
        subgroup_table(run.metrics),
        gap_table(run.metrics),
        _listing("Do the subgroups of a column differ at all?", *interaction_sentences(run.metrics)),
    )


def _readers(run: ReportInput) -> Sequence[Block]:
    found = run.metrics["readers"]
    reason = why_not_beside(found)
    return _present(agreement_table(found), beside_table(found), None if reason is None else Text(reason))


def _staging(run: ReportInput) -> Sequence[Block]:
    found = run.metrics["staging"]
    if "reason" in found:
        return [Text(NO_STAGES.format(found["reason"]))]
    return _present(
        *confusion_tables(found),
        missing_table(found),
        _listing("What these stages rest on", *found["notes"]),
        None if run.staged is None else FileOnly(patient_stage_table(run.staged)),
    )


def _folds(run: ReportInput) -> Sequence[Block]:
    sentence = rank_sentence(run.metrics)
    return _present(draw_folds(run.metrics), None if sentence is None else Text(sentence))


def _training(run: ReportInput) -> Sequence[Block]:
    return [draw_training(run.history, run.kept_epochs), FileOnly(history_table(run.history))]


def _examples(run: ReportInput) -> Sequence[Block]:
    mapped = any(example.heat_map is not None for example in run.examples)
    return [*_maps(run, mapped), Gallery(gallery(run.examples)), FileOnly(draw_examples(run.examples))]


def _cases(run: ReportInput) -> Sequence[Block]:
    assert run.cases is not None
    return _present(
        Text(f"{run.cases.sampled} {_LOOK}"),
        _colour_bar() if any(heat is not None for heat in run.cases.maps) else None,
        Text(run.cases.trust, quiet=True) if run.cases.trust else None,
        run.cases,
    )


def _maps(run: ReportInput, mapped: bool) -> Sequence[Block]:
    """How the heat maps of the examples are to be read, or why there are none."""
    trust = [Text(run.metrics["heat_maps"]["verdict"], quiet=True)] if "heat_maps" in run.metrics else []
    return [Text(_MAPS, quiet=True), _colour_bar(), *trust] if mapped else trust


def _colour_bar() -> ColourBar:
    return ColourBar(data_uri(colour_bar(160, 12)), LOW, HIGH)


def _checklist(run: ReportInput) -> Sequence[Block]:
    return [checklist_table(SECTIONS, run)]


def _repeat(run: ReportInput) -> Sequence[Block]:
    return _present(
        Code(run.command) if run.command else None,
        environment_table(run.environment) if run.environment else None,
        Code(run.config_yaml, "Configuration") if run.config_yaml else None,
    )


SECTIONS: tuple[Section[ReportInput], ...] = (
    Section(
        "method", "How these metrics were obtained", "Method", _method,
        answers=(
            ("12a", "19", "how the data were divided"),
            ("12a", "20", "level at which the parts are disjoint (here: the patient)"),
            ("12e", "29", "uncertainty (here: 95 % intervals over patients)"),
            ("13", "–", "class imbalance, and how it was met"),
        ),
    ),
    Section(
        "data", "Data", "Data", _data,
        answers=(("20a, 21", "35", "participant flow; patients and events in each analysis"),),
    ),
    Section(
        "other_data", "External data set", "Other data", _other_data,
        lambda run: run.other_data is not None,
        answers=(("16", "33", "test on external data; differences to the training data"),),
    ),
    Section(
        "discrimination", "Discrimination", "Discrimination", _discrimination,
        answers=(
            ("12e", "28", "measures of performance, of ROIs and of patients"),
            ("23a", "38", "performance with intervals"),
        ),
    ),
    Section(
        "decisions", "Decisions", "Decisions", _decisions,
        answers=(("15", "–", "output of the model, and how thresholds were chosen"),),
    ),
    Section(
        "probabilities", "Probabilities", "Probabilities", _probabilities,
        answers=(("12e", "28", "calibration"),),
    ),
    Section(
        "subgroups", "Subgroups", "Subgroups", _subgroups, lambda run: any(run.metrics["subgroups"].values()),
        answers=(("14, 23a", "30, 37", "performance in subgroups"),),
    ),
    Section(
        "readers", "Readers", "Readers", _readers, lambda run: run.metrics.get("readers") is not None,
        answers=(("8", "18", "how well readers agreed"),),
    ),
    Section(
        "staging", "Stages of patients", "Stages", _staging, lambda run: run.metrics.get("staging") is not None,
        answers=(("12e", "28", "stages of patients"),),
    ),
    Section(
        "folds", "Fold by fold", "Folds", _folds, lambda run: run.metrics["folds"] is not None,
        answers=(("23b", "–", "variation of performance"),),
    ),
    Section(
        "training", "Training", "Training", _training, lambda run: has_curves(run.history),
        answers=(("12c", "25, 26", "course of the training and the choice of the model"),),
    ),
    Section(
        "cases", "Case by case", "Cases", _cases, lambda run: run.cases is not None,
        answers=(("–", "39", "failures, one by one"),),
    ),
    Section(
        "examples", "ROIs to look at", "ROIs", _examples, lambda run: bool(run.examples),
        answers=(("–", "31", "explanation (here: heat maps)"), ("–", "39", "failures")),
    ),
    Section("checklist", "Checklists", "Checklists", _checklist),
    Section(
        "repeat", "How to repeat this run", "Repeat", _repeat,
        lambda run: bool(run.command or run.environment or run.config_yaml),
        answers=(("12c", "22", "model and its settings"), ("18f", "23", "software and code")),
    ),
)  # fmt: skip
