"""How many ROIs a page shows of a network that is cheap or dear to map."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from keras_cwp.report.cases import MOST_CASES
from keras_cwp.report.run_examples import _affordable
from keras_cwp.training.size_note import NetworkSize


class Run:
    """A run with one network, which has 1,000 × 1,000 multiply-accumulates at each of 300 places."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        image = keras.Input((15, 20, 1000))
        keras.Model(image, keras.layers.Conv2D(1000, 1)(image)).save(folder / "model.keras")

    def model_folders(self) -> list[Path]:
        return [self.folder]


def test_a_cheap_network_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path)
    NetworkSize(parameters=340_000, macs=34_000_000).write(tmp_path)
    monkeypatch.setattr("keras_cwp.training.saved.load_network", pytest.fail)
    assert _affordable(run, 10_000) == MOST_CASES


@pytest.mark.parametrize("noted", [True, False])
def test_a_dear_network_has_fewer_rois_on_its_page(tmp_path: Path, noted: bool) -> None:
    run = Run(tmp_path)
    if noted:
        NetworkSize(parameters=1, macs=600_000_000).write(tmp_path)  # of a mean of two, of which one is mapped
    assert _affordable(run, 10_000) == 500
    assert _affordable(run, 200) == MOST_CASES
