"""Train: one split, cross-validation, and comparison of runs and configurations."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from keras_cwp.api.data import PathLike, Settings, Source, open_data
from keras_cwp.api.progress import or_silent
from keras_cwp.api.run import Report, Run
from keras_cwp.candidates import read_candidate
from keras_cwp.cluster import cluster_address
from keras_cwp.config import Config, dotted_keys, load_config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import CwpError
from keras_cwp.runtime import import_tensorflow

if TYPE_CHECKING:
    from rich.console import Console

    from keras_cwp.training.crossval import RunFolds

INNER_FOLDS = 4  # of a search, where the configuration does not say


@dataclass(frozen=True)
class Folds:
    """Where the folds of a cross-validation are trained.

    Args:
        jobs: processes on this machine.
        cluster: `ray` or `ray:ADDRESS` (extra `cluster`) for a Ray cluster; None: this machine.
        cpus_per_fold, gpus_per_fold: that a fold takes of a Ray node.
    """

    jobs: int = 1
    cluster: str | None = None
    cpus_per_fold: int | None = None
    gpus_per_fold: float = 0

    def runner(self) -> RunFolds:
        """What `cross_validate` of keras_cwp.training runs the folds with; imports TensorFlow.

        Raises:
            CwpError: another kind of cluster than Ray, or several jobs beside it.
        """
        from keras_cwp.training.crossval import one_by_one
        from keras_cwp.training.parallel import in_processes
        from keras_cwp.training.ray_cluster import on_ray

        self.check()
        if self.cluster is None:
            return one_by_one if self.jobs == 1 else functools.partial(in_processes, processes=self.jobs)
        address = cluster_address(self.cluster)
        return functools.partial(on_ray, address=address, cpus=self.cpus_per_fold, gpus=self.gpus_per_fold)

    def check(self, prefix: str = "") -> None:
        """Refuse a combination that cannot be; raises as `runner`.

        Args:
            prefix: before the names in a message; `--` on the command line.
        """
        if self.cluster is None:
            return
        cluster_address(self.cluster, f"{prefix}cluster")
        if self.jobs > 1:
            raise CwpError(
                f"{prefix}jobs {self.jobs} is for this machine; on a cluster the cluster decides how many folds run"
            )


def fit(
    data: Source,
    out: PathLike,
    *,
    images: PathLike | None = None,
    table: Mapping[str, Any] | None = None,
    config: Settings = None,
    split: PathLike | None = None,
    console: Console | None = None,
    **settings: Any,
) -> Run:
    """Train on one split of the patients, and evaluate on the patients held out.

    An unfinished run of the same call is continued.

    Args:
        data, images, table: see `open_data`.
        out: the RUN folder to write.
        config: a preset's name, a YAML file, a mapping or a Config.
        split: split.csv of another fit on the same data set, to divide the patients as it did.
        console: prints progress; None prints nothing.
        settings: single keys of the configuration, such as epochs=20, image_size=160, seed=1, weights="imagenet".
            `**{"model.weights": "imagenet"}`, with the section, is the same.

    Raises:
        CwpError: see `keras_cwp.training.fit.fit`.
    """
    stated = dotted_keys(settings)
    chosen = load_config(config, stated)
    import_tensorflow()
    from keras_cwp.training.fit import fit as train

    opened = _open(data, images, table, chosen, console)
    return Run.evaluated(train(opened, chosen, Path(out), or_silent(console), _path(split), stated), console)


def cross_validate(
    data: Source,
    out: PathLike,
    *,
    images: PathLike | None = None,
    table: Mapping[str, Any] | None = None,
    config: Settings = None,
    candidates: Iterable[PathLike] | Mapping[str, Mapping[str, Any]] = (),
    split: PathLike | None = None,
    where: Folds = Folds(),
    baseline: Literal["probe"] | None = None,
    console: Console | None = None,
    **settings: Any,
) -> Run:
    """Cross-validate by patients: each ROI is scored by a network that saw no ROI of its patient.

    An unfinished run of the same call is continued; finished folds are not trained again.

    Args:
        data, images, table, out, config, console: see `fit`.
        candidates: nested cross-validation chooses among these: YAML files, named by their stems, or name → what
            differs in the sections model, augment and train.
        split: split.csv of another cross-validation on the same data set, for the same folds.
        where: processes or cluster that train the folds.
        baseline: "probe" puts a linear probe of frozen ImageNet features beside the network, on the same folds, with a
            paired test in the report (extra `imagenet`).
        settings: single keys of the configuration, such as folds=5, repeats=2, by="site", inner=4, epochs=20.

    Raises:
        CwpError: see `keras_cwp.training.crossval.cross_validate`.
    """
    stated = dotted_keys(settings)
    chosen = _with_candidates(load_config(config, stated), candidates)
    where.check()
    for key in ("folds", "repeats", "by"):
        if split is not None and f"split.{key}" in stated:
            raise CwpError(f"split {split} gives the folds; leave {key} out")
    import_tensorflow()
    from keras_cwp.training.crossval import cross_validate as train

    opened = _open(data, images, table, chosen, console)
    run = train(opened, chosen, Path(out), or_silent(console), _path(split), where.runner(), stated, baseline)
    return Run.evaluated(run, console)


def search(
    data: Source,
    out: PathLike,
    space: PathLike | Mapping[str, Any],
    *,
    trials: int | None = None,
    images: PathLike | None = None,
    table: Mapping[str, Any] | None = None,
    config: Settings = None,
    split: PathLike | None = None,
    where: Folds = Folds(),
    console: Console | None = None,
    **settings: Any,
) -> Run:
    """Search a space of configurations by inner folds; the run's figures are of patients that no trial saw (Optuna).

    It is a nested cross-validation: each outer fold has a search of its own within its training patients. Trials that
    do worse than most are pruned, epoch by epoch. An unfinished run of the same call is continued, trial by trial.

    Args:
        data, images, table, out, config, split, console: see `cross_validate`.
        space: YAML file or mapping: section.key → a list of choices, {"range": [low, high]} or {"log": [low, high]}.
            Sections: model, augment, train.
        trials: in each outer fold; None: as configured.
        where: processes or cluster; the searches of several outer folds run beside each other.
        settings: single keys of the configuration; inner=4 unless it is given.

    Raises:
        CwpError: Optuna is not installed (extra `search`); or see `cross_validate`.
        ConfigError: an empty space, an unknown key, one that cannot be searched, or a value out of the schema.
    """
    from keras_cwp.training.search import import_optuna
    from keras_cwp.training.search_space import read_space, space_of

    tree = dict(space) if isinstance(space, Mapping) else read_space(space)
    stated = dotted_keys(settings)
    chosen = load_config(config, stated)
    inner = chosen.split.inner or INNER_FOLDS
    more = {"space": tree} | ({} if trials is None else {"trials": trials})
    chosen = load_config(chosen, {"split.inner": inner, **{f"search.{key}": value for key, value in more.items()}})
    space_of(chosen, "space" if isinstance(space, Mapping) else f"space {space}")
    import_optuna()
    run = cross_validate(
        data, out, images=images, table=table, config=chosen, split=split, where=where, console=console, **settings
    )
    from keras_cwp.report.search_page import write_search

    write_search(run.folder)
    return run


@dataclass(frozen=True)
class Comparison:
    """A comparison of runs on the same folds.

    Args:
        summary: the result in a sentence or two.
        report: comparison.html; comparison.json, figures and tables lie beside it.
        runs: that were compared.
    """

    summary: str
    report: Report
    runs: tuple[Run, ...]

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


def compare(
    runs: Iterable[Run | PathLike],
    out: PathLike,
    *,
    configs: Mapping[str, Settings] | None = None,
    data: Source | None = None,
    images: PathLike | None = None,
    table: Mapping[str, Any] | None = None,
    seeds: int = 1,
    split: PathLike | None = None,
    where: Folds = Folds(),
    console: Console | None = None,
    **settings: Any,
) -> Comparison:
    """One table and one ROC plot for several runs on the same folds, with paired tests.

    Args:
        runs: RUN folders.
        out: folder for comparison.html, comparison.json, figures and tables.
        configs: name → configuration; each is cross-validated on `data` first, into OUT/runs, on the same folds. What
            is finished there is kept.
        data, images, table: for `configs`; see `open_data`.
        seeds: of each configuration.
        split, where, settings: for `configs`; see `cross_validate`.

    Raises:
        CwpError: fewer than two runs, or runs whose ROIs, folds or labels differ; or as `cross_validate`.
    """
    if configs and data is None:
        raise CwpError("configs: name the data set to cross-validate on with data")
    if not configs and (data is not None or settings or split):
        raise CwpError("data, split and settings are for configs, and there are none")
    stated = dotted_keys(settings)
    chosen = {name: load_config(config, stated) for name, config in (configs or {}).items()}
    where.check()
    paths = [run.path if isinstance(run, Run) else Run(run).path for run in runs]
    from keras_cwp.report.run_comparison import compare_runs

    if chosen and data is not None:
        import_tensorflow()
        from keras_cwp.training.sweep import sweep

        opened = _open(data, images, table, next(iter(chosen.values())), console)
        below = Path(out) / "runs"
        trained = sweep(opened, chosen, seeds, below, or_silent(console), _path(split), where.runner(), stated)
        paths += [run.path for run in trained]
    sentence, page = compare_runs(paths, Path(out))
    return Comparison(sentence, Report(page), tuple(map(Run, paths)))


def _open(
    data: Source, images: PathLike | None, table: Mapping[str, Any] | None, config: Config, console: Console | None
) -> PreparedData:
    return open_data(data, images, config=config, table=table, console=console)


def _with_candidates(config: Config, candidates: Iterable[PathLike] | Mapping[str, Mapping[str, Any]]) -> Config:
    if not isinstance(candidates, Mapping):
        paths = [Path(path) for path in candidates]
        names = [path.stem for path in paths]
        if len(set(names)) < len(names):
            raise CwpError(
                f"candidates: two files have the same name, {sorted(names)}; a candidate's name is its file's"
            )
        candidates = {path.stem: read_candidate(path) for path in paths}
    return config.model_copy(update={"candidates": dict(candidates)}) if candidates else config


def _path(path: PathLike | None) -> Path | None:
    return None if path is None else Path(path)
