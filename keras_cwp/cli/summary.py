"""`keras-cwp summary`: what each architecture costs."""

from __future__ import annotations

import click


@click.command()
@click.argument("arch", nargs=-1)
@click.option("--classes", type=click.IntRange(2), default=3, show_default=True)
@click.option("--image-size", type=click.IntRange(32, 1024), default=224, show_default=True, help="pixels")
@click.option(
    "--eca", type=click.Choice(["none", "unit", "every_conv", "stem_head"]), default="unit", show_default=True
)
@click.option("--repeats", type=click.IntRange(1), default=15, show_default=True, help="images timed")
def command(arch: tuple[str, ...], classes: int, image_size: int, eca: str, repeats: int) -> None:
    """Parameters, multiply-accumulates and CPU latency of ARCH… (all of them), as the paper's table has it.

    The networks have random weights; ShuffleNet V2 is timed as an export runs it.
    """
    from keras_cwp.api.networks import architectures, names_of

    click.echo(f"{'arch':<22}{'parameters':>12}{'MMACs':>9}{'ms/image':>10}")
    for name in names_of(arch):
        table = architectures([name], classes=classes, image_size=image_size, eca=eca, repeats=repeats)
        row = table.iloc[0]
        click.echo(f"{name:<22}{row['parameters']:>12,}{row['million_macs']:>9.1f}{row['ms_per_image']:>10.1f}")
