"""keras-cwp demo."""

from __future__ import annotations

from pathlib import Path

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

    from keras_cwp.config import load_config
    from keras_cwp.runtime import import_tensorflow

    config = load_config(None, [*SETTINGS, *overrides])
    import_tensorflow()
    from keras_cwp.data.phantom.draw import draw_phantoms
    from keras_cwp.data.prepare import prepare
    from keras_cwp.prediction.predict import predict_table
    from keras_cwp.report.run_report import evaluate_run
    from keras_cwp.serving.export import export
    from keras_cwp.training.fit import fit
    from keras_cwp.training.run import RunFolder

    console = Console(stderr=True)
    table, images, run = out / "phantoms" / "rois.csv", out / "phantoms" / "images", RunFolder(out / "run")
    model, scores = out / "saved_models" / "cwp", out / "predicted.csv"
    if _begin(1, "draw phantom radiographs", table):
        draw_phantoms(out / "phantoms", patients, config.seed)
    _begin(2, "prepare crops")
    data = prepare(table, images, out / "data", config.data)
    if _begin(3, "train", run.path / "scores.csv"):
        fit(data, config, run.path, console)
    _begin(4, "evaluate on held-out patients")
    sentence, page = evaluate_run(run)
    if _begin(5, "export for TensorFlow Serving", model / "1"):
        export(run.path, model)
    if _begin(6, "predict with the export", scores):
        predict_table(model, table, images, scores)
    click.echo(f"\n{sentence}\n\nReport: {page.resolve()}")


def _begin(number: int, what: str, result: Path | None = None) -> bool:
    """Say what comes, or that its result is there already."""
    there = result is not None and result.exists()
    click.echo(f"{number}/6 {what}{': kept from an earlier demo' if there else ' …'}")
    return not there
