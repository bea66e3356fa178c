"""keras-cwp augment-preview."""

from __future__ import annotations

from pathlib import Path

import click

from keras_cwp.errors import ConfigError


@click.command("augment-preview")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Prepared data set.")
@click.option("--policy", default="paper", show_default=True, help="Name of a policy, or a YAML file.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Contact sheet to write, PNG.")
@click.option("--gif", type=click.Path(path_type=Path), help="Animation to write as well.")
@click.option("--rois", default=5, show_default=True, type=click.IntRange(1, 64), help="ROIs, of all classes.")
@click.option("--draws", default=6, show_default=True, type=click.IntRange(1, 64), help="Draws of each.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of ROIs and draws.")
def command(data: Path, policy: str, out: Path, gif: Path | None, rois: int, draws: int, seed: int) -> None:
    """Draw a contact sheet of an augmentation policy: each ROI as it is, then as training would see it."""
    if out.suffix.lower() != ".png":
        raise ConfigError(f"--out {out}: the contact sheet is a PNG; end its name in .png")
    from keras_cwp.runtime import import_tensorflow

    import_tensorflow()
    from keras_cwp.augment.layer import Augment
    from keras_cwp.augment.policy import load_policy
    from keras_cwp.augment.preview import animation, choose_rows, contact_sheet, drawn_views
    from keras_cwp.data.pipeline import batches
    from keras_cwp.data.prepared import PreparedData
    from keras_cwp.files import write_bytes

    layer_policy = load_policy(policy)
    opened = PreparedData.open(data)
    rows = choose_rows(opened.labels, rois, seed)
    crops, labels, _ = next(iter(batches(opened, rows, batch_size=len(rows))))
    layer = Augment(layer_policy, opened.image_size, opened.margin, seed=seed, jit_compile=False)
    views, captions = drawn_views(layer, crops.numpy(), draws, seed)
    names = [opened.classes[label] for label in labels.numpy()]
    write_bytes(out, contact_sheet(views, captions, names, f"policy {policy}, {opened.image_size} px"))
    if gif is not None:
        write_bytes(gif, animation(views))
    click.echo(f"{out}: {len(rows)} ROIs, {draws} draws each" + (f"; {gif}" if gif else ""))
