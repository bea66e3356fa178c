"""keras-cwp demo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from keras_cwp.cli.options import PATH

# Small enough for minutes on two CPU cores, large enough that the network learns; see README for what it reaches.
PATIENTS = 90
SETTINGS = (
    "data.image_size=96",
    "data.classes=[normal, small_opacities, large_opacity]",
    "augment.policy=light",
    "train.epochs=24",
    "train.batch_size=16",
    "train.learning_rate=3e-3",
    "evaluate.bootstraps=1000",
)
_Result = TypeVar("_Result")


@click.command("demo")
@click.option("--out", type=PATH, default=Path("demo"), show_default=True, help="Folder to write everything to.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Such as train.epochs=5.")
@click.option("--patients", type=click.IntRange(min=15), default=PATIENTS, show_default=True, help="Phantoms to draw.")
def command(out: Path, overrides: tuple[str, ...], patients: int) -> None:
    """Draw phantom radiographs, prepare, train, evaluate, export and predict, all below OUT.

    What an earlier demo left there is kept; remove OUT to begin anew. Phantoms show that the software works,
    nothing about performance on patients.
    """
    from rich.console import Console

    from keras_cwp.cli.quiet import import_tensorflow
    from keras_cwp.config import load_config

    config = load_config(None, [*SETTINGS, *overrides])
    import_tensorflow()
    from keras_cwp.data.phantom import draw_phantoms
    from keras_cwp.data.prepare import prepare
    from keras_cwp.report.run_report import evaluate_run
    from keras_cwp.serving.export import export
    from keras_cwp.serving.predict import predict_table
    from keras_cwp.training.fit import fit
    from keras_cwp.training.run import RunFolder

    console = Console(stderr=True)
    table, images, run = out / "phantoms" / "rois.csv", out / "phantoms" / "images", RunFolder(out / "run")
    model, scores = out / "saved_models" / "cwp", out / "predicted.csv"
    _step(1, "draw phantom radiographs", table, lambda: draw_phantoms(out / "phantoms", patients, config.seed))
    data = _step(2, "prepare crops", None, lambda: prepare(table, images, out / "data", config.data))
    _step(3, "train", run.path / "scores.csv", lambda: fit(data, config, run.path, console))
    sentence, page = _step(4, "evaluate on held-out patients", None, lambda: evaluate_run(run))
    _step(5, "export for TensorFlow Serving", model / "1", lambda: export(run.path, model))
    _step(6, "predict with the export", scores, lambda: predict_table(model, table, images, scores))
    click.echo(f"\n{sentence}\n\nReport: {page.resolve()}")


def _step(number: int, what: str, result: Path | None, work: Callable[[], _Result]) -> _Result | None:
    """Say what comes and do it, unless its result is there."""
    if result is not None and result.exists():
        click.echo(f"{number}/6 {what}: kept from an earlier demo")
        return None
    click.echo(f"{number}/6 {what} …")
    return work()
