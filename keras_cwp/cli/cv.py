"""keras-cwp cv."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import click

from keras_cwp.cli.options import PATH, open_data, split_option, training_options
from keras_cwp.errors import CwpError

_SPLIT_OPTIONS = {"folds": "split.folds", "repeats": "split.repeats", "by": "split.by", "inner": "split.inner"}


@click.command("cv")
@training_options
@split_option
@click.option("--folds", type=click.IntRange(min=2), help="Folds; over split.folds of the configuration.")
@click.option("--repeats", type=click.IntRange(min=1), help="Repeats; over split.repeats of the configuration.")
@click.option("--by", type=click.Choice(["patient", "site"]), help="Hold out patients in folds, or each site.")
@click.option("--inner", type=click.IntRange(min=2), help="Nested: folds of training patients that choose everything.")
@click.option(
    "--candidate", "candidates", type=PATH, multiple=True, metavar="YAML",
    help="Nested: a configuration to choose among, laid over --config; repeat it.",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that train folds.")
@click.option("--cluster", metavar="ray[:ADDRESS]", help="Train folds on a Ray cluster (extra: cluster).")
@click.option("--cpus-per-fold", type=click.IntRange(min=1), help="Cores of a Ray node that a fold takes.")
@click.option("--gpus-per-fold", type=click.FloatRange(min=0), default=0, help="GPUs of a Ray node that a fold takes.")
def command(
    data: Path,
    images: Path | None,
    patient_per_image: bool,
    out: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    split: Path | None,
    candidates: tuple[Path, ...],
    jobs: int,
    cluster: str | None,
    cpus_per_fold: int | None,
    gpus_per_fold: float,
    **said: Any,
) -> None:
    """Cross-validate by patients, write RUN with out-of-fold scores.csv and report.html.

    An unfinished RUN of the same command is continued; finished folds are not trained again.
    """
    from rich.console import Console

    from keras_cwp.cli.quiet import import_tensorflow
    from keras_cwp.config import load_config
    from keras_cwp.report.run_report import evaluate_run

    asked = {name: value for name, value in said.items() if value is not None}
    _check(split, cluster, jobs, candidates, asked)
    extra = [f"{_SPLIT_OPTIONS[name]}={value}" for name, value in asked.items()]
    config = _with_candidates(load_config(config_path, [*overrides, *extra]), candidates)
    import_tensorflow()
    from keras_cwp.training.crossval import cross_validate, one_by_one
    from keras_cwp.training.parallel import in_processes
    from keras_cwp.training.ray_cluster import on_ray

    run_folds = one_by_one if jobs == 1 else functools.partial(in_processes, processes=jobs)
    if cluster is not None:
        address = cluster.partition(":")[2]
        run_folds = functools.partial(on_ray, address=address, cpus=cpus_per_fold, gpus=gpus_per_fold)
    opened, config = open_data(data, images, patient_per_image, config)
    run = cross_validate(opened, config, out, Console(stderr=True), split, run_folds)
    sentence, page = evaluate_run(run)
    click.echo(f"{sentence}\n{page}")


def _check(
    split: Path | None, cluster: str | None, jobs: int, candidates: tuple[Path, ...], asked: dict[str, Any]
) -> None:
    for name in ("folds", "repeats", "by"):
        if split is not None and name in asked:
            raise CwpError(f"--split {split} gives the folds; leave --{name} out")
    if cluster is not None and cluster.partition(":")[0] != "ray":
        raise CwpError(f"--cluster {cluster}: expected ray, or ray:ADDRESS")
    if cluster is not None and jobs > 1:
        raise CwpError(f"--jobs {jobs} is for this machine; with --cluster the cluster decides how many folds run")
    names = [path.stem for path in candidates]
    if len(set(names)) < len(names):
        raise CwpError(f"--candidate: two files have the same name, {sorted(names)}; a candidate is called by its file")


def _with_candidates(config: Any, paths: tuple[Path, ...]) -> Any:
    from keras_cwp.config import read_candidate

    own = {path.stem: read_candidate(path) for path in paths}
    return config.model_copy(update={"candidates": own}) if own else config
