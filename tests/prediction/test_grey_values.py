"""A model is given the grey values that it was trained on: with the VOI window, without it, or with another window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.dicom_file import dicom

from keras_cwp.config import Config, DataConfig
from keras_cwp.data.prepare import prepare
from keras_cwp.prediction.card import _input, contract_of
from keras_cwp.prediction.regions import cut_regions, find_regions
from keras_cwp.training.admit import admit
from keras_cwp.training.run import ModelContract


def contract(rules: DataConfig) -> ModelContract:
    return ModelContract(("a", "b"), 32, 0.25, "pad", None, "f" * 64, voi=rules.voi, window=rules.window)


def stop(error: Exception, _: int) -> None:
    raise error


@pytest.mark.parametrize("rules", [{}, {"voi": "ignore"}, {"window": 1}], ids=str)
def test_prediction_sees_the_crops_of_training(rules: dict, tmp_path: Path) -> None:
    config = DataConfig(image_size=32, **rules)
    for seed, name in enumerate("ab"):
        values = np.random.default_rng(seed).integers(0, 4096, (96, 96)).astype(np.uint16)
        dicom(
            tmp_path / f"{name}.dcm", values, PatientID=name, WindowCenter=["2000", "900"], WindowWidth=["1500", "700"]
        )
    table = tmp_path / "rois.csv"
    table.write_text("image,patient_id,label,x,y,width,height\na.dcm,a,a,20,20,40,40\nb.dcm,b,b,20,20,40,40\n")
    data = prepare(table, tmp_path, tmp_path / "data", config)
    (_, crop), _ = cut_regions(find_regions([table]), contract(config), stop)
    stored = data.read(np.array([0]))[0] / np.iinfo(data.dtype).max
    np.testing.assert_allclose(crop[..., 0], stored, atol=0.5 / np.iinfo(data.dtype).max + 1e-6)
    adopted = admit(data, Config()).data
    assert (adopted.voi, adopted.window) == (config.voi, config.window)


def test_an_exported_card_keeps_the_rule() -> None:
    kept = contract(DataConfig(voi="ignore", window=1))
    card = {"classes": ["a", "b"], "data_hash": "f" * 64, "input": _input(kept)}
    assert contract_of(card) == kept
