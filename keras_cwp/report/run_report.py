"""Evaluate a run: figures, examples with heat maps, one page. TensorFlow is imported when a model is needed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SPLIT_FILE, split_rows
from keras_cwp.errors import DataError, RunError
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.files import write_text
from keras_cwp.report.examples import Example, choose_examples
from keras_cwp.report.held_out import how_held_out, seen
from keras_cwp.report.html import write_report
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.shared_patients import check_shared, shared_sentence
from keras_cwp.report.subgroup_columns import subgroup_columns
from keras_cwp.report.summary import summary
from keras_cwp.scores import Scores

if TYPE_CHECKING:
    from keras_cwp.training.run import RunFolder


def evaluate_run(
    run: RunFolder,
    data: PreparedData | None = None,
    out: Path | None = None,
    views: int | None = None,
    allow_shared_patients: bool = False,
) -> tuple[str, Path]:
    """Write metrics.json, report.html, figures and tables.

    Args:
        data: None for the ROIs that the run held out; another data set to score it with the run's model first.
        out: folder to write to; None: the run's own, or one below it for other data or other views.
        views: of test-time augmentation; None: as many as the run was scored with.
        allow_shared_patients: judge the model on patients of `data` that it was trained on, and say so.

    Returns:
        The result in a sentence, and the path of the page.

    Raises:
        RunError: the run is not complete, or nothing tells its model's own data set from `data`.
        DataError: `data` has other classes or crops than the model was trained for, or patients that it was trained on.
    """
    shared = None if data is None else _shared(run, data, allow_shared_patients)
    config = run.config
    source = data or _own_data(run)
    own_views = views in (None, config.evaluate.tta)
    views = views or config.evaluate.tta
    scores, validation = _scores(run, data, source, views, own_views)
    out = out or run.path / _place(data, None if own_views else views)
    subgroups = subgroup_columns(scores, source) if source else {}
    metrics = evaluate(scores, config.evaluate, config.seed, validation, subgroups) | {"views": views}
    metrics |= {"shared_with_training": shared} if shared else {}
    report = ReportInput(
        title=run.path.resolve().name if data is None else f"{run.path.resolve().name} on {data.path.resolve().name}",
        scores=scores,
        metrics=metrics,
        how=how_held_out(run, views) if shared is None else _how_elsewhere(run, scores, views, shared),
        validation=validation,
        history=run_history(run),
        config_yaml=(run.path / "config.yaml").read_text(encoding="utf-8"),
        environment=run.environment,
        command=run.info.get("command", ""),
        cohort=_cohort(run),
        examples=_examples(run, scores, source, config.evaluate.examples) if source else (),
    )
    write_text(out / "metrics.json", json.dumps(metrics, indent=2, allow_nan=False) + "\n")
    if data is not None or not own_views:
        scores.to_csv(out / "scores.csv")
        if validation is not None:
            validation.to_csv(out / "validation_scores.csv")
    return summary(report), write_report(report, out)


def _shared(run: RunFolder, data: PreparedData, allow: bool) -> dict[str, Any]:
    from keras_cwp.training.rescore import check_elsewhere

    check_elsewhere(run, data)
    return check_shared(run, _own_data(run), data, allow)


def _scores(
    run: RunFolder, data: PreparedData | None, source: PreparedData | None, views: int, own_views: bool
) -> tuple[Scores, Scores | None]:
    """Scores to report, and those of the validation patients that thresholds come from."""
    if data is None and own_views:
        return run.scores, run.validation_scores
    from keras_cwp.training.rescore import score_elsewhere, score_held_out

    if data is not None:
        return score_elsewhere(run, data, views), None
    if source is None:
        raise RunError(
            f"{run.path}: its data set {run.info.get('data')} is gone or was changed; other views of its crops cannot "
            "be scored without it"
        )
    return score_held_out(run, source, views)


def _place(data: PreparedData | None, views: int | None) -> str:
    """Folder below the run."""
    names = [] if data is None else [f"on_{data.path.resolve().name}"]
    return "_".join(names + ([] if views is None else [f"tta_{views}"])) or "."


def _own_data(run: RunFolder) -> PreparedData | None:
    """The data set that the run was made from, if it is still where it was and the same."""
    try:
        data = PreparedData.open(run.info["data"], verify=False)
    except (DataError, KeyError):
        return None
    return data if data.content_hash == run.info["data_hash"] else None


def _examples(run: RunFolder, scores: Scores, data: PreparedData, each: int) -> list[Example]:
    from keras_cwp.explain.heat_maps import heat_maps
    from keras_cwp.training.saved import load_network

    choices = choose_examples(scores, each)
    row_of = {row.roi_key: number for number, row in enumerate(data.manifest)}
    rows = np.array([row_of[str(scores.roi_id[choice.row])] for choice in choices], dtype=np.int64)
    folders = run.folders_by_fold()
    networks: dict[int, Any] = {}
    found = []
    for choice, crop in zip(choices, _inner_crops(data, rows), strict=True):
        fold = int(scores.fold[choice.row])
        fold = fold if fold in folders else min(folders)
        if fold not in networks:
            networks[fold] = load_network(folders[fold])
        predicted = int(scores.probabilities[choice.row].argmax())
        heat = heat_maps(networks[fold], crop[None, :, :, None], np.array([predicted]))[0]
        found.append(
            Example(
                crop,
                heat,
                scores.classes[int(scores.label[choice.row])],
                scores.classes[predicted],
                float(scores.probabilities[choice.row, predicted]),
                str(scores.roi_id[choice.row]),
                choice.kind,
            )
        )
    return found


def _inner_crops(data: PreparedData, rows: np.ndarray) -> np.ndarray:
    """What the network sees: float32 [rows, image_size, image_size] in [0, 1]."""
    inner = slice(data.margin, data.margin + data.image_size)
    stored = data.read(rows)[:, inner, inner]
    return stored.astype(np.float32) / np.float32(np.iinfo(data.dtype).max)


def run_history(run: RunFolder) -> list[dict[str, float]]:
    """history.csv of every fold; `fold` is added where there are several."""
    folders = run.folders_by_fold()
    rows = []
    for number, folder in folders.items():
        with open(folder / "history.csv", newline="", encoding="utf-8") as file:
            numbers = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
        fold = {"fold": float(number)} if len(folders) > 1 else {}
        rows += [fold | row for row in numbers]
    return rows


def _cohort(run: RunFolder) -> list[tuple[str, int, int, int]]:
    """Patients and ROIs of the parts that a single split trained and validated on."""
    rows = split_rows(run.path / SPLIT_FILE)
    if run.info["kind"] != "fit":
        return []
    groups = {part: [row for row in rows if row.part == part] for part in ("train", "validation")}
    return [
        (part, len({row.patient for row in own}), len({row.image for row in own}), len(own))
        for part, own in groups.items()
    ]


def _how_elsewhere(run: RunFolder, scores: Scores, views: int, shared: dict[str, Any]) -> str:
    models = len(run.model_folders())
    by = "the run's model" if models == 1 else f"the mean of the run's {models} fold models"
    return (
        f"All {len(scores)} ROIs of another data set were scored by {by}, each {seen(views)}, and without any fitting "
        f"to that data set. {shared_sentence(shared)}"
    )
