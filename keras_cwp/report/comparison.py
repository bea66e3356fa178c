"""Several runs on the same held-out ROIs, side by side: one table, one ROC plot, paired tests, one page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_cwp.config import EvaluateConfig
from keras_cwp.evaluation.comparison import align, compare
from keras_cwp.evaluation.metrics import evaluate, labelled
from keras_cwp.evaluation.paired import METHOD
from keras_cwp.evaluation.seeds import compare_sides
from keras_cwp.evaluation.verdict import is_evidence, verdict
from keras_cwp.files import updated_folder, write_text
from keras_cwp.report.blocks import Block, Cautions, Listing, Text
from keras_cwp.report.cautions import few_patients
from keras_cwp.report.compared_run import ComparedRun
from keras_cwp.report.comparison_plots import draw_epochs, draw_overlay, draw_overlay_per_class
from keras_cwp.report.comparison_tables import disagreement_table, runs_table, settings_table, tests_table
from keras_cwp.report.page import Page, Section, fill, write_page
from keras_cwp.report.sides import architecture_sentences, architectures_table, sides
from keras_cwp.report.statements import detectable_sentence, non_inferior_sentences
from keras_cwp.report.tables import metric_text, p_text
from keras_cwp.scores import Scores
from keras_cwp.wording import plural

Metrics = Mapping[str, Mapping[str, Any]]
"""Name of a run → its metrics."""
_SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False)
class Compared:
    """What the page is about.

    Args:
        aligned: scores of each run, in one order of rows.
        tests: what `evaluation.comparison.compare` returned.
    """

    runs: Sequence[ComparedRun]
    aligned: Mapping[str, Scores]
    metrics: Metrics
    tests: Mapping[str, Any]
    config: EvaluateConfig


def write_comparison(runs: Sequence[ComparedRun], config: EvaluateConfig, seed: int, out: Path | str) -> str:
    """Write comparison.json, comparison.html, plots and tables into a folder; all of them or, where that fails, none.

    Args:
        runs: at least two, on the same ROIs and folds.
        config, seed: of the intervals, the same for all: all runs see the same resamples.

    Returns:
        The result in a few sentences.

    Raises:
        ScoresError: fewer than two runs, or runs whose ROIs, folds or labels differ.
        CwpError: the folder cannot be written.
    """
    aligned = align({run.name: labelled(run.scores) for run in runs})
    tests = _tested(runs, aligned, config, seed)
    metrics = {name: evaluate(scores, config, seed) for name, scores in aligned.items()}
    compared = Compared(runs, aligned, metrics, tests, config)
    counts = next(iter(metrics.values()))["counts"]
    page = Page(
        kind="Comparison of models that classify ROIs of chest radiographs",
        title=f"Comparison of {plural(len(runs), 'run')}",
        lead=[*architecture_sentences(tests), summary(metrics, tests)],
        sections=fill(SECTIONS, compared, "".join([*aligned, *runs[0].scores.classes])),
        alarm=verdicts(metrics),
        facts={
            "Runs": ", ".join(run.name for run in runs),
            "Judged on": f"{plural(counts['rois'], 'ROI')} of {plural(counts['patients'], 'patient')}",
        },
    )
    with updated_folder(Path(out)) as folder:
        write_page(page, folder / "comparison.html")
        write_text(folder / "comparison.json", json.dumps(tests, indent=2, allow_nan=False) + "\n")
    said = (verdicts(metrics), *architecture_sentences(tests), summary(metrics, tests))
    return " ".join(sentence for sentence in said if sentence)


def _tested(
    runs: Sequence[ComparedRun], aligned: Mapping[str, Scores], config: EvaluateConfig, seed: int
) -> dict[str, Any]:
    """The tests of all pairs of runs, and of architectures where some were trained with several seeds."""
    grouped = {name: [aligned[run] for run in members] for name, members in sides(runs).items()}
    found = compare(aligned, config, seed)
    return found | {"architectures": compare_sides(grouped)} if grouped else found


def verdicts(metrics: Metrics) -> str:
    """What is wrong with single runs as a whole; "" where every model tells the classes apart."""
    said = {name: verdict(own) for name, own in metrics.items() if not is_evidence(own)}
    return " ".join(f"{name}: {sentence}" for name, sentence in said.items())


def summary(metrics: Metrics, tests: Mapping[str, Any]) -> str:
    """The best run by macro AUC, and whether these ROIs show that it is better than the next."""
    order = sorted(metrics, key=lambda name: -(metrics[name]["auc"]["macro"]["value"] or 0))
    best, second = order[:2]
    head = f"{best} has the highest macro AUC, {metric_text(metrics[best]['auc']['macro'])}; next comes {second}, "
    head += f"{metric_text(metrics[second]['auc']['macro'])}."
    (pair,) = (pair for pair in tests["pairs"] if {pair["first"], pair["second"]} == {best, second})
    p = pair["delong"]["macro"]["p_holm"]
    if p is None:
        return f"{head} They cannot be tested against each other: {pair['delong']['macro']['reason']}."
    shown = "They differ" if p < _SIGNIFICANT else "No difference between them is shown"
    corrected = ", corrected by Holm" if len(tests["pairs"]) > 1 else ""
    return f"{head} {shown} ({p_text(p)}, paired DeLong over patients{corrected})."


def methods(compared: Compared) -> list[str]:
    """What was compared with what, and how."""
    counts = next(iter(compared.metrics.values()))["counts"]
    pairs = len(compared.tests["pairs"])
    corrected = f" p values: {compared.tests['correction']}." if pairs > 1 else ""
    return [
        f"All runs were judged on the same {plural(counts['rois'], 'ROI')} of {plural(counts['patients'], 'patient')}, "
        "each held out in the same fold. Runs with other ROIs or folds are refused.",
        f"Intervals of a run: as in its own report. Differences of macro AUC: {METHOD}. Beside it stand the bootstrap "
        f"of the difference ({compared.config.bootstraps:,} resamples of patients, the same for each run) and a test "
        "of correct and wrong decisions by sign flips of patients (McNemar's exact test where each has one ROI)."
        f"{corrected}",
        "Each run is one training. Another seed would give other metrics, and a difference smaller than that between "
        "two seeds says little about the architectures. compare takes several seeds of each (--seeds).",
    ]


def cautions(compared: Compared) -> list[str]:
    """What a careful reader holds against the comparison."""
    return few_patients(next(iter(compared.metrics.values()))) + list(compared.tests.get("cautions", ()))


def _method(compared: Compared) -> Sequence[Block]:
    found = cautions(compared)
    return [*map(Text, methods(compared)), *([Cautions(tuple(found))] if found else [])]


def _results(compared: Compared) -> Sequence[Block]:
    pairs = compared.tests["pairs"]
    blocks: list[Block] = [runs_table(compared.runs, compared.metrics)]
    if "architectures" in compared.tests:
        blocks.append(architectures_table(compared.tests))
    blocks.append(tests_table(compared.tests))
    blocks.append(Listing("What these patients could show", tuple(map(detectable_sentence, pairs))))
    margins = tuple(sentence for pair in pairs for sentence in non_inferior_sentences(pair))
    return [*blocks, Listing("Not worse by more than a margin", margins)] if margins else blocks


def _curves(compared: Compared) -> Sequence[Block]:
    epochs = draw_epochs({run.name: run.history for run in compared.runs})
    return [
        draw_overlay(compared.aligned, compared.metrics),
        draw_overlay_per_class(compared.aligned),
        *([epochs] if epochs else []),
    ]


def _settings(compared: Compared) -> Sequence[Block]:
    table = settings_table(compared.runs)
    return [table or Text("All settings are equal.")]


def _disagreements(compared: Compared) -> Sequence[Block]:
    table = disagreement_table(compared.aligned)
    return [table or Text("The models call every ROI alike.")]


SECTIONS: tuple[Section[Compared], ...] = (
    Section("method", "How the runs were compared", "Method", _method),
    Section("results", "Metrics and differences", "Results", _results),
    Section("curves", "Curves", "Curves", _curves),
    Section("settings", "Settings", "Settings", _settings, lambda compared: all(run.settings for run in compared.runs)),
    Section("disagreements", "Disagreements", "Disagreements", _disagreements),
)
