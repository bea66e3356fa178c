"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_cwp.errors import ConfigError, CwpError, DataError

if TYPE_CHECKING:
    from keras_cwp.config import Config
    from keras_cwp.data.prepared import PreparedData
    from keras_cwp.training.crossval import RunFolds

PATH = click.Path(path_type=Path)

config_option = click.option("--config", "config_path", type=PATH, help="YAML configuration; see configs/.")
set_option = click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Such as train.epochs=5.")
images_option = click.option("--images", type=PATH, help="Folder of the radiographs, when --data is a ROI table.")
whole_image_option = click.option(
    "--whole-image", is_flag=True, help="State that images without a box are meant whole, as one region each."
)
split_option = click.option(
    "--split", type=PATH, help="split.csv of another run on the same data set: divide the patients as it did."
)


def table_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a ROI table does not say itself: --patients, --labels, --patient-per-image.

    The command gets them as one argument `table`, keywords of `read_rois`.
    """

    @functools.wraps(function)
    def gathered(*args: Any, patients: Path | None, labels: Path | None, patient_per_image: bool, **others: Any) -> Any:
        table = {"patients": patients, "labels": labels, "patient_per_image": patient_per_image}
        return function(*args, table=table, **others)

    for option in (
        click.option("--patient-per-image", is_flag=True, help="State that every image is of another patient."),
        click.option("--labels", type=PATH, help="YAML: names in the annotations to classes, or to null."),
        click.option("--patients", type=PATH, help="CSV image,patient_id for formats without a patient."),
    ):
        gathered = option(gathered)
    return gathered


def training_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of fit and cv: --data, --images, those of `table_options`, --out, --config, --set."""
    data = click.option("--data", type=PATH, required=True, help="Prepared data set, or a ROI table with --images.")
    out = click.option("--out", type=PATH, required=True, help="RUN folder to write.")
    for option in (set_option, config_option, out, table_options, images_option, data):
        function = option(function)
    return function


def running_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where folds are trained: --jobs, or --cluster with what a fold takes; `fold_runner` reads them."""
    for option in (
        click.option(
            "--gpus-per-fold", type=click.FloatRange(min=0), default=0, help="GPUs of a Ray node a fold takes."
        ),
        click.option("--cpus-per-fold", type=click.IntRange(min=1), help="Cores of a Ray node that a fold takes."),
        click.option("--cluster", metavar="ray[:ADDRESS]", help="Train folds on a Ray cluster (extra: cluster)."),
        click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes for folds."),
    ):
        function = option(function)
    return function


def fold_runner(jobs: int, cluster: str | None, cpus_per_fold: int | None, gpus_per_fold: float) -> RunFolds:
    """What runs the folds, as `cross_validate` wants it. Imports TensorFlow.

    Raises:
        CwpError: another kind of cluster than Ray, or --jobs beside it.
    """
    from keras_cwp.training.crossval import one_by_one
    from keras_cwp.training.parallel import in_processes
    from keras_cwp.training.ray_cluster import on_ray

    if cluster is None:
        return one_by_one if jobs == 1 else functools.partial(in_processes, processes=jobs)
    kind, _, address = cluster.partition(":")
    if kind != "ray":
        raise CwpError(f"--cluster {cluster}: expected ray, or ray:ADDRESS")
    if jobs > 1:
        raise CwpError(f"--jobs {jobs} is for this machine; with --cluster the cluster decides how many folds run")
    return functools.partial(on_ray, address=address, cpus=cpus_per_fold, gpus=gpus_per_fold)


def open_data(data: Path, images: Path | None, table: dict[str, Any], config: Config) -> tuple[PreparedData, Config]:
    """A prepared data set, or a ROI table prepared into the cache; and the configuration with its crop geometry.

    Args:
        table: of `table_options`.

    Raises:
        CwpError: neither, or options of a ROI table for a prepared data set, or a prepared data set whose crops differ
            from what the configuration asks for, or one in which the audit's quick part finds a leak.
    """
    from keras_cwp.audit.checks import refuse_leaks

    opened = _opened(data, images, table, config)
    config = adopt_geometry(config, opened)
    refuse_leaks(opened)
    return opened, config


def _opened(data: Path, images: Path | None, table: dict[str, Any], config: Config) -> PreparedData:
    from keras_cwp.cli.progress import progress_bar
    from keras_cwp.data.prepare import prepare_cached
    from keras_cwp.data.prepared import PreparedData

    if not data.exists():
        raise DataError(f"--data {data}: no such file or folder")
    if images is None and not data.is_dir():
        raise CwpError(f"--data {data}: a ROI table needs --images, the folder of its radiographs")
    if images is None:
        _refuse_for_prepared(data, table)
        return PreparedData.open(data)
    with progress_bar("radiographs") as progress:
        return prepare_cached(
            data,
            images,
            config.data,
            **table,
            note=lambda line: click.echo(f"note: {line}", err=True),
            progress=progress,
        )


def _refuse_for_prepared(data: Path, table: dict[str, Any]) -> None:
    for name, value in table.items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise CwpError(f"{option} is for a ROI table with --images; {data} is prepared: leave {option} out")


def adopt_geometry(config: Config, data: PreparedData) -> Config:
    """The configuration with the `data` section that the crops were really made by.

    Raises:
        ConfigError: a key that the user set says otherwise.
    """
    made_by = {key: data.meta[key] for key in ("image_size", "context", "square", "spacing_mm", "link_duplicates")}
    made_by["classes"] = data.classes
    for key in config.data.model_fields_set & made_by.keys():
        asked = getattr(config.data, key)
        if asked is not None and asked != made_by[key]:
            raise ConfigError(
                f"data.{key}: the configuration asks for {asked!r}, {data.path} was prepared with {made_by[key]!r}; "
                "prepare it again or leave the key out"
            )
    return config.model_copy(update={"data": config.data.model_copy(update=made_by)})
