"""keras-cwp pretrain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_cwp.cli.options import PATH, Output, output_options


@click.command("pretrain")
@click.option("--data", type=PATH, required=True, help="Folder of frontal radiographs.")
@click.option("--out", type=PATH, required=True, help="A .safetensors to write, for model.weights.")
@click.option("--labels", type=PATH, help="CSV image,labels[,patient_id]; labels.csv of the folder if it is there.")
@click.option(
    "--unseen", type=PATH, multiple=True, help="Folder of radiographs that must not be trained on; repeat it."
)
@click.option("--arch", default="shufflenet_v2_x0_5", show_default=True, help="As model.arch.")
@click.option("--eca", default="unit", show_default=True, help="As model.eca.")
@click.option("--weights", help="Where the network starts; at random if not given.")
@click.option("--teacher", default="imagenet", show_default=True, help="Weights of EfficientNet-Lite0, or none.")
@click.option("--image-size", type=click.IntRange(64, 512), default=128, show_default=True, help="pixels")
@click.option("--epochs", type=click.IntRange(1), default=8, show_default=True)
@click.option("--regions", type=click.IntRange(0), default=24, show_default=True, help="Views of each large film.")
@click.option("--phantoms", type=click.IntRange(0), default=10, show_default=True, help="Drawn besides.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="That an operation is divided among; all cores if not given.")
@output_options
def command(data: Path, out: Path, teacher: str, output: Output, **options: Any) -> None:
    """Make weights from radiographs without marked regions, by simulated opacities and an ImageNet teacher.

    What was interrupted is continued.
    """
    from keras_cwp.api.pretraining import pretrain

    made = pretrain(data, out, teacher=None if teacher == "none" else teacher, console=output.console, **options)
    areas = ", ".join(f"{name} {area:.3f}" for name, area in made.auc.items())
    text = (
        f"{made.weights}: from {made.films} radiographs, of which a few patients' judged; {made.left_out} left out as "
        "copies of unseen ones"
    )
    tree = {"weights": str(made.weights), "films": made.films, "left_out": made.left_out, "auc": made.auc}
    output.result(f"{text}\nAUC of simulated findings on other patients: {areas or 'none to judge by'}", tree)
    output.next(f"keras-cwp cv --data DATA --set model.weights={made.weights} --out RUN")
