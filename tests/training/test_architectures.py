"""One architecture of each family goes the whole way: one epoch, held-out figures, heat maps, a report with examples.

All rows of PRESETS take a quarter of an hour on one core, so CI runs these. After a change to heat maps, or to how
networks are built or loaded, put PRESETS in the place of FAMILIES once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_cwp.api.data import draw_phantoms, prepare
from keras_cwp.api.training import fit
from keras_cwp.data.prepared import PreparedData

FAMILIES = ("authors_eca", "efficientnet_lite0", "mobilenet_v3_small", "inception_v3")
SIDE = 96  # inception_v3 takes no less than 75


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("phantoms")
    rois = draw_phantoms(folder / "drawn", patients=16, side_px=128)
    return prepare(rois, folder / "drawn" / "images", folder / "data", image_size=SIDE)


@pytest.mark.slow
@pytest.mark.parametrize("arch", FAMILIES)
def test_a_training_comes_to_its_report(arch: str, data: PreparedData, tmp_path: Path) -> None:
    few = {"epochs": 1, "batch_size": 8, "bootstraps": 100, "examples": 1}
    run = fit(data, tmp_path / "run", arch=arch, eca="unit" if "shufflenet" in arch else "none", **few)
    assert 0 <= run.metrics["auc"]["macro"]["value"] <= 1
    assert (run.path / "figures" / "examples.png").is_file()
