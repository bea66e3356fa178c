"""A small data set of phantoms, for tests of how a training begins."""

from __future__ import annotations

import pytest

from keras_cwp.config import DataConfig
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("prepared")
    table = draw_phantoms(folder / "drawn", patients=12, side_px=192, radiographs=(1, 1), rois=(2, 3))
    return prepare(table, table.parent / "images", folder / "data", DataConfig(image_size=64))
