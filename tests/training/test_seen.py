from __future__ import annotations

from pathlib import Path

import pytest

from keras_cwp.config import Config, DataConfig, ModelConfig
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.prepare import prepare
from keras_cwp.models.build import build_model
from keras_cwp.models.own_weights import LOOKS, write_weights
from keras_cwp.training.network import check_buildable
from keras_cwp.training.seen import radiographs_seen


def test_radiographs_that_the_weights_were_made_from_are_counted_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = draw_phantoms(tmp_path / "drawn", patients=6, side_px=128, radiographs=(1, 1), rois=(1, 1))
    data = prepare(table, table.parent / "images", tmp_path / "data", DataConfig(image_size=64))
    looks = data.manifest.texts("look").tolist()
    network = build_model(ModelConfig(), 3, 64)
    write_weights(network, tmp_path / "w.safetensors", head=False, notes={LOOKS: "\n".join(looks)})
    config = Config(model=ModelConfig(weights=str(tmp_path / "w.safetensors")))
    assert radiographs_seen(config, data) == len(set(looks))
    check_buildable(config, data)
    assert (
        f"{len(set(looks))} radiographs of {data.path} look like some that these weights were made from" in caplog.text
    )
    assert radiographs_seen(Config(), data) == 0
    assert radiographs_seen(Config(model=ModelConfig(arch="resnet50", weights="imagenet")), data) == 0
    write_weights(network, tmp_path / "w.safetensors", head=False)
    assert radiographs_seen(config, data) == 0
