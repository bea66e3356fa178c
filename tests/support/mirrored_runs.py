"""Whole trainings on one device and on two, in a process of its own; see mirrored_steps.py.

    python mirrored_runs.py FOLDER

writes FOLDER/differences.json: what is compared → largest difference of a weight.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from keras_cwp.config import AugmentConfig, Config, DataConfig, TrainConfig
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.training.network import train_network
from support.mirrored_steps import difference, divide_cpu
from support.small_network import small_presets


def train(data: PreparedData, folder: Path, devices: int, killed: bool = False) -> list[np.ndarray]:
    """Weights after the last epoch; [] where it is interrupted after the first epoch.

    At the full learning rate the shifts before a projection that is normalised differ by 1e-4, on one device too if its
    normalisation is not fused: their gradient is zero but for rounding, which AdamW scales up.
    """
    config = Config(
        data=DataConfig(image_size=32),
        augment=AugmentConfig(policy="none"),
        train=TrainConfig(epochs=2, batch_size=12, learning_rate=2e-5, devices=devices),
    )

    def watch(*_: float) -> None:
        if killed:
            raise KeyboardInterrupt

    quiet = Console(quiet=True)
    try:
        trained, held_out = np.arange(25), np.arange(26, len(data))
        network = train_network(data, trained, held_out, config, 3, folder, quiet, "", watch=watch)
    except KeyboardInterrupt:
        return []
    return [np.asarray(weight, np.float64) for weight in network.get_weights()]


def main(folder: Path) -> None:
    divide_cpu(2)
    table = draw_phantoms(folder / "phantoms", 16, 5, side_px=128, radiographs=(1, 1), rois=(2, 2))
    data = prepare(table, table.parent / "images", folder / "data", DataConfig(image_size=32))
    with small_presets():
        one, two = train(data, folder / "one", 1), train(data, folder / "two", 2)
        train(data, folder / "broken", 2, killed=True)
        shutil.copytree(folder / "broken", folder / "handed_on")
        continued, alone = train(data, folder / "broken", 2), train(data, folder / "handed_on", 1)
    found = {
        "two devices": difference(one, two),
        "continued": difference(two, continued),
        "continued on one": difference(one, alone),
    }
    (folder / "differences.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
