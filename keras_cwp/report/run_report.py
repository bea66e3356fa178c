"""Evaluate a run: metrics, examples with heat maps, one page. TensorFlow is imported when a model is needed."""

from __future__ import annotations

import datetime
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_cwp.audit.lookalike_patients import indistinct, look_alikes, pairs_apart
from keras_cwp.audit.lookalikes import alike
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.split_file import SPLIT_FILE, split_rows
from keras_cwp.errors import DataError, ModelError, RunError
from keras_cwp.evaluation.lock import lock
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.prior_shift import with_prevalence
from keras_cwp.files import updated_folder, write_text
from keras_cwp.models.weight_notes import looks_of
from keras_cwp.report.beside import beside_probe
from keras_cwp.report.flow import participant_flow
from keras_cwp.report.held_out import how_held_out, scored
from keras_cwp.report.other_data import imbalance_sentence, other_data_table
from keras_cwp.report.readings_of import readings_of
from keras_cwp.report.run_examples import run_examples
from keras_cwp.report.run_facts import architectures, kept_epochs, run_facts, run_history
from keras_cwp.report.run_input import ReportInput
from keras_cwp.report.sections import write_report
from keras_cwp.report.shared_patients import check_shared, shared_sentence
from keras_cwp.report.subgroup_columns import subgroup_columns
from keras_cwp.report.summary import summary
from keras_cwp.report.zones_of import staged_patients, zone_texts
from keras_cwp.scores import Scores
from keras_cwp.wording import plural, verb

if TYPE_CHECKING:
    from keras_cwp.training.run import RunFolder


def evaluate_run(
    run: RunFolder,
    data: PreparedData | None = None,
    out: Path | None = None,
    views: int | None = None,
    allow_shared_patients: bool = False,
    prevalence: Mapping[str, float] | None = None,
) -> tuple[str, Path]:
    """Write metrics.json, report.html, plots and tables; all of them or, where that fails, none.

    Args:
        data: None for the ROIs that the run held out; another data set to score it with the run's model first.
        out: folder to write to; None: the run's own, or one below it for other data or other views.
        views: of test-time augmentation; None: as many as the run was scored with.
        allow_shared_patients: judge the model on patients of `data` that it was trained on, and say so.
        prevalence: class → its share where the model is to be used; None: evaluate.prevalence of the run.

    Returns:
        The result in a few sentences, and the path of the page.

    Raises:
        RunError: the run is not complete, or `data` is the run's own data set.
        DataError: `data` has other classes or crops than the model was trained for, or patients that it was trained on.
        CwpError: the disk refuses.
    """
    data = _judgeable(run, data)
    own = _own_data(run)
    shared = None if data is None else check_shared(run, own, data, allow_shared_patients)
    config, source = run.config, data or own
    own_views, views = views in (None, config.evaluate.tta), views or config.evaluate.tta
    scores, validation = _scores(run, data, source, views, own_views)
    out = out or run.path / _place(data, None if own_views else views)
    metrics: dict[str, Any] = {
        **_evaluated(run, scores, validation, source, prevalence, elsewhere=data is not None),
        "views": views,
        **_beside_the_figures(run, source, shared, own=data is None, own_views=own_views),
    }
    shown = run_examples(run, scores, source, config.evaluate.examples, config.seed) if source else ([], None, None)
    examples, cases, trust = shown
    metrics |= {"heat_maps": trust} if trust else {}
    report = ReportInput(
        title=_title(run, data),
        scores=scores,
        metrics=metrics,
        how=_how(run, scores, views, shared, own),
        validation=validation,
        history=run_history(run),
        kept_epochs=kept_epochs(run),
        config_yaml=(run.path / "config.yaml").read_text(encoding="utf-8"),
        environment=run.environment,
        command=_command(run, data, None if own_views else views, allow_shared_patients, prevalence),
        examples=examples,
        cases=cases,
        staged=staged_patients(scores, source, config) if source else None,
        flow=participant_flow(run, source, metrics, elsewhere=data is not None),
        other_data=None if data is None else other_data_table(run, own, data),
        facts=run_facts(run, metrics, data.path.resolve() if data else None, datetime.date.today().isoformat()),
    )
    _write(report, out, with_scores=data is not None or not own_views)
    return summary(report), out / "report.html"


def _command(
    run: RunFolder,
    data: PreparedData | None,
    views: int | None,
    allow_shared_patients: bool,
    prevalence: Mapping[str, float] | None,
) -> str:
    """What made the run, and below it what judged it in another way; folders without what they lie in."""
    asked = [] if data is None else ["--data", data.path.resolve().name]
    asked += [] if views is None else ["--tta", str(views)]
    asked += ["--allow-shared-patients"] if allow_shared_patients else []
    asked += [word for name, share in (prevalence or {}).items() for word in ("--prevalence", f"{name}={share:g}")]
    judged = ["keras-cwp", "evaluate", run.path.resolve().name, *asked] if asked else []
    return f"{run.info.get('command', '')}\n{shlex.join(judged)}".strip()


def _beside_the_figures(
    run: RunFolder, source: PreparedData | None, shared: Any, own: bool, own_views: bool
) -> dict[str, Any]:
    """What the page says besides the figures: shared patients, look-alikes, what the weights saw, and the probe.

    Args:
        shared: see `check_shared`.
        own: the ROIs are those that the run held out.
    """
    found: dict[str, Any] = {"shared_with_training": shared} if shared else {}
    if source and own:
        found["look_alikes"] = _look_alikes(run, source)
    if source and (seen := _seen_by_weights(run, source)):
        found["seen_by_weights"] = seen
    if own and own_views and (sentence := beside_probe(run)):
        found["baseline"] = sentence
    return found


def _judgeable(run: RunFolder, data: PreparedData | None) -> PreparedData | None:
    """The data set as the run's model has it; None for the ROIs that the run held out.

    Raises:
        RunError: a refit holds none out.
        DataError: see `_as_the_model_has_it`.
    """
    if data is not None:
        return _as_the_model_has_it(run, data)
    if source := run.info.get("figures_of"):
        raise RunError(
            f"{run.path}: it was trained on all its patients, so none is left to judge it by; its figures are those of "
            f"{source}. Give --data with another data set"
        )
    return None


def _write(report: ReportInput, out: Path, *, with_scores: bool) -> None:
    with updated_folder(out) as folder:
        if with_scores:
            report.scores.to_csv(folder / "scores.csv")
            if report.validation is not None:
                report.validation.to_csv(folder / "validation_scores.csv")
        write_report(report, folder)
        write_text(folder / "metrics.json", json.dumps(report.metrics, indent=2, allow_nan=False) + "\n")


def _evaluated(
    run: RunFolder,
    scores: Scores,
    validation: Scores | None,
    source: PreparedData | None,
    prevalence: Mapping[str, float] | None,
    *,
    elsewhere: bool,
) -> Mapping[str, Any]:
    """The metrics of scores; on another data set with the thresholds and the temperature that the run is locked to."""
    config = run.config
    own = config.evaluate if prevalence is None else with_prevalence(config.evaluate, prevalence)
    return evaluate(
        scores,
        own,
        config.seed,
        validation,
        subgroup_columns(scores, source) if source else {},
        order=config.data.ordinal,
        locked=lock(run.validation_scores, config.evaluate) if elsewhere else None,
        sets=_kept_sets(run) if elsewhere else None,
        readings=readings_of(scores, source) if source else None,
        zones=zone_texts(scores, source) if source else None,
    )


def _kept_sets(run: RunFolder) -> Mapping[str, Any] | None:
    """Thresholds of sets that the run was published with; None where it has none."""
    try:
        found: Mapping[str, Any] | None = run.metrics.get("conformal")
    except RunError:
        return None
    return found


def _title(run: RunFolder, data: PreparedData | None) -> str:
    """Run, network and data set."""
    on = Path(run.info.get("data", "")).name if data is None else data.path.resolve().name
    return f"{run.path.resolve().name}: {architectures(run)}" + (f" on {on}" if on else "")


def _look_alikes(run: RunFolder, data: PreparedData) -> dict[str, Any]:
    """Pairs of radiographs of different patients that look alike, and how many of them a split parted."""
    found = look_alikes(data)
    apart = pairs_apart(found, data, split_rows(run.path / SPLIT_FILE))
    return {"pairs": len(found), "across_parts": apart, "indistinct": indistinct(found, data)}


def _seen_by_weights(run: RunFolder, data: PreparedData) -> int:
    """Radiographs that look like some that the networks' first weights were made from; 0 where no file says so."""
    try:
        models = {run.model_config(folder) for folder in run.model_folders()}
        looks = sorted({look for model in models for look in looks_of(model)})
    except ModelError:
        return 0
    own = sorted(set(data.manifest.texts("look").tolist()))
    return len({first for first, _ in alike(own, looks)}) if looks else 0


def _as_the_model_has_it(run: RunFolder, data: PreparedData) -> PreparedData:
    from keras_cwp.training.rescore import as_the_model_has_it

    return as_the_model_has_it(run, data)


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


def _how(run: RunFolder, scores: Scores, views: int, shared: dict[str, Any] | None, own: PreparedData | None) -> str:
    said = how_held_out(run, views) if shared is None else _how_elsewhere(run, scores, views, shared)
    return f"{said} {imbalance_sentence(run, own)}"


def _how_elsewhere(run: RunFolder, scores: Scores, views: int, shared: dict[str, Any]) -> str:
    models, count = len(run.model_folders()), len(scores)
    by = "the model of the run" if models == 1 else f"the mean of the {models} fold models of the run"
    return (
        f"{plural(count, 'ROI')} of another data set {verb(count, 'was', 'were')} scored by {by}, each "
        f"{scored(views)}. Nothing was fitted to that data set. {shared_sentence(shared)}"
    )
