"""Options that several commands share, and what they do."""

from __future__ import annotations

import functools
import json
import os
import sys
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_cwp.data.annotations.options import TableOptions

if TYPE_CHECKING:
    from rich.console import Console

    from keras_cwp.api.training import Folds

PATH = click.Path(path_type=Path)

config_option = click.option("--config", "config", type=str, help="YAML configuration, or the name of a preset.")
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="One setting, such as train.epochs=5; may be repeated.",
)
epochs_option = click.option("--epochs", type=click.IntRange(min=1), help="Short for --set train.epochs=N.")
images_option = click.option("--images", type=PATH, help="Folder of the radiographs, when --data is a ROI table.")
whole_image_option = click.option(
    "--whole-image", is_flag=True, help="Take each image without a box as one region, from edge to edge."
)
split_option = click.option(
    "--split", type=PATH, help="split.csv of another run on the same data set: divide the patients as it did."
)


@dataclass(frozen=True)
class Output:
    """How a command talks.

    Args:
        quiet: print results only.
        as_json: print the result as one JSON object on stdout.
        open_page: show the page that was written in the browser.
    """

    quiet: bool = False
    as_json: bool = False
    open_page: bool = False

    @property
    def console(self) -> Console | None:
        """Standard error, for progress and notes; None when quiet."""
        from rich.console import Console

        return None if self.quiet else Console(stderr=True)

    def note(self, line: str) -> None:
        """A line on stderr, unless quiet."""
        if not self.quiet:
            click.echo(line, err=True)

    def result(self, text: str, tree: Mapping[str, Any], page: Path | None = None) -> None:
        """The result as text or JSON, and the page in the browser where that was asked for."""
        click.echo(json.dumps(tree, ensure_ascii=False) if self.as_json else text)
        if self.open_page and page is not None:
            webbrowser.open(page.resolve().as_uri())

    def next(self, command: str) -> None:
        """What one would do next."""
        self.note(f"Next: {command}")

    def left_out(self, error: Exception, _: int) -> None:
        """Name what could not be read and is left out; this is said when quiet too."""
        click.echo(f"keras-cwp: left out: {' '.join(str(error).split())}", err=True)


def output_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--quiet, --verbose, --json, --open and --device; the command gets an `Output` as `output`."""

    @functools.wraps(function)
    def spoken(
        *args: Any, quiet: bool, verbose: bool, as_json: bool, open_page: bool, device: str, **others: Any
    ) -> Any:
        if verbose:
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
            _log_to_stderr()
        if device == "cpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # read when TensorFlow is imported
        return function(*args, output=Output(quiet or as_json, as_json, open_page), **others)

    for option in (
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu"]),
            default="auto",
            show_default=True,
            help="cpu: use no GPU.",
        ),
        click.option("--open", "open_page", is_flag=True, help="Open the page in the browser."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object."),
        click.option("--verbose", is_flag=True, help="Print the log of the libraries too."),
        click.option("--quiet", is_flag=True, help="Print the result only."),
    ):
        spoken = option(spoken)
    return spoken


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(level=logging.INFO, stream=sys.stderr)


_READING_OPTIONS = (
    click.option("--label-attribute", metavar="NAME", help="Attribute of VIA's regions that holds the class."),
    click.option(
        "--image-by",
        type=click.Choice(["stated", "name"]),
        help="Which picture counts where an annotation file states one and is named like another.",
    ),
    click.option("--skip-bad", is_flag=True, help="Leave out lines and files that cannot be used; they are counted."),
)
_TABLE_OPTIONS = (
    click.option("--patients", type=PATH, help="CSV image,patient_id for formats without a patient."),
    click.option("--patient-per-image", is_flag=True, help="Every image is of another patient."),
    click.option(
        "--trust",
        type=click.Choice(["table", "patients", "files"]),
        help="Whose patient counts where they differ: the annotation file (table), --patients, or DICOM (files).",
    ),
    click.option("--labels", type=PATH, help="YAML: names in the annotations to classes, or to null."),
    click.option(
        "--names-as-written",
        is_flag=True,
        help="Take ids, labels and folders that look alike or odd (P1 and p1, nan, test) as they are.",
    ),
    *_READING_OPTIONS,
)


def table_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What an annotation file does not say itself: patients, classes, and answers to questions about it.

    The command gets them as one argument `table`, the keywords `TableOptions`.
    """
    return _gathered(function, _TABLE_OPTIONS, tuple(TableOptions.__annotations__))


def reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Those of `table_options` that count where patients and classes are not asked for."""
    return _gathered(function, _READING_OPTIONS, ("label_attribute", "image_by", "skip_bad"))


def _gathered(
    function: Callable[..., Any], options: Sequence[Callable[..., Any]], names: Sequence[str]
) -> Callable[..., Any]:
    @functools.wraps(function)
    def gathered(*args: Any, **others: Any) -> Any:
        return function(*args, table={name: others.pop(name) for name in names}, **others)

    for option in reversed(options):
        gathered = option(gathered)
    return gathered


def training_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of fit and cv: --data, --images, those of `table_options`, --out, --config, --set, --epochs.

    The command gets --data, --images and the table options as keywords of `keras_cwp.fit` in `source`, and --config,
    --set and --epochs in `settings`, which are checked.
    """

    @functools.wraps(function)
    def checked(
        *args: Any,
        data: Path,
        images: Path | None,
        table: dict[str, Any],
        config: str | None,
        overrides: tuple[str, ...],
        epochs: int | None,
        **others: Any,
    ) -> Any:
        settings = settings_of(config, overrides, {"train.epochs": epochs})
        source = {"data": data, "images": images, "table": table}
        return function(*args, source=source, settings=settings, **others)

    data = click.option("--data", type=PATH, required=True, help="Prepared data set, or a ROI table with --images.")
    out = click.option("--out", type=PATH, required=True, help="RUN folder to write.")
    wrapped: Callable[..., Any] = checked
    for option in (epochs_option, set_option, config_option, out, table_options, images_option, data):
        wrapped = option(wrapped)
    return wrapped


def say_random_weights(settings: Mapping[str, Any], output: Output) -> None:
    """A note where nothing was said of settings or weights: a few hundred ROIs are better served by the preset."""
    if settings.get("config") is None and not any(key.startswith("model.") for key in settings):
        from keras_cwp.api.progress import notes_to

        notes_to(output.console)(
            "the network started from random weights; --config default starts from weights that have seen radiographs"
        )


def check_source(source: Mapping[str, Any]) -> None:
    """Refuse a --data that can be neither a data set nor a table, before TensorFlow is imported.

    Raises:
        CwpError: see `keras_cwp.api.data.check_data`.
    """
    from keras_cwp.api.data import check_data

    check_data(source["data"], source["images"] is not None, source["table"], ("--data", "--images", ""))


def settings_of(config: str | None, overrides: tuple[str, ...], short: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of the API's functions for --config, --set and options that are short for --set.

    Raises:
        ConfigError: a configuration that cannot be read, or a wrong key or value.
    """
    from keras_cwp.config import load_config
    from keras_cwp.settings_file import parse_overrides

    keys = parse_overrides(overrides) | {key: value for key, value in short.items() if value is not None}
    load_config(config, keys)
    return {"config": config, **keys}


def running_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where folds are trained: --jobs, or --cluster with what a fold takes; the command gets `where`, a `Folds`."""

    @functools.wraps(function)
    def placed(
        *args: Any, jobs: int, cluster: str | None, cpus_per_fold: int | None, gpus_per_fold: float, **others: Any
    ) -> Any:
        from keras_cwp.api.training import Folds

        where: Folds = Folds(jobs, cluster, cpus_per_fold, gpus_per_fold)
        where.check("--")
        return function(*args, where=where, **others)

    for option in (
        click.option(
            "--gpus-per-fold", type=click.FloatRange(min=0), default=0, help="GPUs of a Ray node that a fold takes."
        ),
        click.option("--cpus-per-fold", type=click.IntRange(min=1), help="Cores of a Ray node that a fold takes."),
        click.option("--cluster", metavar="ray[:ADDRESS]", help="Train folds on a Ray cluster (extra: cluster)."),
        click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes for folds."),
    ):
        placed = option(placed)
    return placed
