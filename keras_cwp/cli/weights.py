"""`keras-cwp weights`: import PyTorch checkpoints."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def command() -> None:
    """Import PyTorch checkpoints; PyTorch itself is not needed."""


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="a .weights.h5 for model.weights")
@click.option(
    "--rgb-to-grey",
    type=click.Choice(["sum", "no"]),
    default="sum",
    show_default=True,
    help="sum: fold an RGB stem into a grey one, exact for R = G = B; no: keep a network of RGB images",
)
@click.option(
    "--normalised",
    type=click.Choice(["auto", "imagenet", "no"]),
    default="auto",
    show_default=True,
    help="what pixels it was trained on; auto: torchvision's ImageNet-normalised, the authors' plain",
)
@click.option("--classes", type=click.IntRange(2), help="drop the head unless it has so many classes")
def import_weights(file: Path, out: Path, rgb_to_grey: str, normalised: str, classes: int | None) -> None:
    """Turn FILE, a .pth or .safetensors of ShuffleNet V2 or of the authors' network, into a .weights.h5."""
    from keras_cwp.api.networks import import_weights as write

    choice = {"auto": None, "imagenet": True, "no": False}[normalised]
    click.echo(write(file, out, grey=rgb_to_grey == "sum", normalised=choice, classes=classes))
