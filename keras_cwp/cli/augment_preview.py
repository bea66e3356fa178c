"""keras-cwp augment-preview."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.cli.options import PATH
from keras_cwp.errors import ConfigError


@click.command("augment-preview")
@click.option("--data", required=True, type=PATH, help="Prepared data set.")
@click.option("--policy", default="paper", show_default=True, help="Name of a policy, or a YAML file.")
@click.option("--out", required=True, type=PATH, help="Contact sheet to write, PNG.")
@click.option("--gif", type=PATH, help="Animation to write as well.")
@click.option("--rois", default=5, show_default=True, type=click.IntRange(1, 64), help="ROIs, of all classes.")
@click.option("--draws", default=6, show_default=True, type=click.IntRange(1, 64), help="Draws of each.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of ROIs and draws.")
def command(data: Path, policy: str, out: Path, gif: Path | None, rois: int, draws: int, seed: int) -> None:
    """Draw a contact sheet of an augmentation policy: each ROI as it is, then as training would see it."""
    if out.suffix.lower() != ".png":
        raise ConfigError(f"--out {out}: the contact sheet is a PNG; end its name in .png")
    from keras_cwp.api.networks import preview_augmentation

    shown = preview_augmentation(data, out, policy=policy, gif=gif, rois=rois, draws=draws, seed=seed)
    click.echo(f"{out}: {shown} ROIs, {draws} draws each" + (f"; {gif}" if gif else ""))
