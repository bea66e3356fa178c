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
    from keras_cwp.config import ModelConfig
    from keras_cwp.runtime import import_tensorflow

    import_tensorflow()
    from keras_cwp.models.build import build_model
    from keras_cwp.models.cost import measure
    from keras_cwp.models.presets import PRESETS

    click.echo(f"{'arch':<22}{'parameters':>12}{'MMACs':>9}{'ms/image':>10}")
    for name in arch or PRESETS:
        config = ModelConfig.model_validate({"arch": name, "eca": eca})
        cost = measure(build_model(config, classes, image_size), repeats)
        click.echo(f"{name:<22}{cost.parameters:>12,}{cost.macs / 1e6:>9.1f}{cost.latency_ms:>10.1f}")
