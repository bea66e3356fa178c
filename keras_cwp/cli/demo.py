"""keras-cwp demo."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.cli.options import PATH, Output, output_options

# Small enough for minutes on two CPU cores, large enough that the network learns; see README for what it reaches.
PATIENTS = 90
SETTINGS = (
    "data.image_size=96",
    "data.classes=[normal, small_opacities, large_opacity]",
    "model.weights=cxr",
    "augment.policy=light",
    "train.mode=fine_tune",
    "train.steps=auto",
    "train.epochs=8",
    "train.batch_size=16",
    "train.learning_rate=1e-3",
    "train.layer_decay=0.7",
    "evaluate.bootstraps=1000",
)


@click.command("demo")
@click.option("--out", type=PATH, default=Path("demo"), show_default=True, help="Folder to write everything to.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Such as train.epochs=5.")
@click.option("--patients", type=click.IntRange(min=15), default=PATIENTS, show_default=True, help="Phantoms to draw.")
@output_options
def command(out: Path, overrides: tuple[str, ...], patients: int, output: Output) -> None:
    """Draw phantom radiographs, prepare, train, evaluate, export and predict, all below OUT.

    What an earlier demo left there is kept; remove OUT to begin anew. Phantoms show that the software works,
    nothing about performance on patients.
    """
    from keras_cwp.api.data import draw_phantoms, open_data, prepare
    from keras_cwp.api.model import Model
    from keras_cwp.api.run import Run
    from keras_cwp.api.training import fit
    from keras_cwp.config import load_config, parse_overrides

    settings = parse_overrides([*SETTINGS, *overrides])
    table, images, home = out / "phantoms" / "rois.csv", out / "phantoms" / "images", out / "run"
    bundle, scores = out / "saved_models" / "cwp", out / "predicted.csv"
    if _begin(1, "draw phantom radiographs", table):
        draw_phantoms(out / "phantoms", patients, load_config(None, settings).seed)
    if _begin(2, "prepare crops", out / "data"):
        prepare(table, images, out / "data", **settings)
    if _begin(3, "train, and evaluate on held-out patients", home / "scores.csv"):
        fit(open_data(out / "data"), home, console=output.console, **settings)
    run = Run(home)
    page = run.report().path
    if _begin(4, "export for TensorFlow Serving", bundle / "1"):
        Model(home).export(bundle)
    if _begin(5, "predict with the export", scores):
        Model(bundle).score(table, images=images).to_csv(scores)
    output.result(f"\n{run.summary}\n\nReport: {page.resolve()}", {"report": str(page), "metrics": run.metrics}, page)
    output.next("your own radiographs: keras-cwp prepare --rois rois.csv --images FOLDER --out data --config default")


def _begin(number: int, what: str, result: Path) -> bool:
    """Say what comes, or that its result is there already."""
    there = result.exists()
    click.echo(f"{number}/5 {what}{': kept from an earlier demo' if there else ' …'}")
    return not there
