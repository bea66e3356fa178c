"""Data sets and weights for runs of two networks: what an ImageNet network would be is another small one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

OWN, OTHER = "shufflenet_v2_x0_5", "shufflenet_v2_x1_0"


def write_two(folder: Path) -> None:
    """`data` and `elsewhere` with their pictures in NAME_drawn; own.safetensors of OWN, other.safetensors of OTHER."""
    import keras

    import keras_cwp as cwp
    from keras_cwp.config import ModelConfig
    from keras_cwp.models.build import build_model
    from keras_cwp.models.own_weights import write_weights

    for name, seed in (("data", 0), ("elsewhere", 1)):
        table = cwp.draw_phantoms(folder / f"{name}_drawn", 12, seed, side_px=128, radiographs=(1, 1), rois=(2, 2))
        cwp.prepare(table, images=table.parent / "images", out=folder / name, image_size=32)
    keras.utils.set_random_seed(0)
    for name, arch in (("own", OWN), ("other", OTHER)):
        write_weights(build_model(ModelConfig(arch=arch), 3, 32), folder / f"{name}.safetensors", head=False)


@contextmanager
def two_networks(folder: Path) -> Iterator[Path]:
    """The folder with what `write_two` writes, while OTHER stands for the ImageNet network."""
    from keras_cwp.training import beside

    write_two(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_CWP_CACHE", str(folder / "cache"))
        patch.setattr(beside, "_ARCH", OTHER)
        patch.setattr(beside, "_WEIGHTS", str(folder / "other.safetensors"))
        yield folder
