"""Another data set judged by a run's model: which classes and crops fit."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import DataError, RunError
from keras_cwp.training import rescore


@pytest.fixture
def data(good_table: Path, images: Path, tmp_path: Path) -> PreparedData:
    """Classes normal and sick, 32 pixels."""
    return prepare(good_table, images, tmp_path / "data", DataConfig(image_size=32))


def fitted(data: PreparedData, monkeypatch: pytest.MonkeyPatch, *classes: str, size: int = 32) -> PreparedData:
    contract = SimpleNamespace(classes=classes, image_size=size)
    monkeypatch.setattr(rescore.ModelContract, "read", lambda _: contract)
    run = SimpleNamespace(path=Path("run"), info={"data_hash": "another"}, model_folders=lambda: [Path("run")])
    return rescore.as_the_model_has_it(run, data)  # type: ignore[arg-type]


def test_a_hospital_without_one_class_is_judged_in_the_models_order(data, monkeypatch):
    found = fitted(data, monkeypatch, "sick", "large", "normal")
    assert found.classes == ("sick", "large", "normal")
    assert found.labels.tolist() == [2, 0, 2, 0, 0, 2]
    assert data.labels.tolist() == [0, 1, 0, 1, 1, 0]


def test_a_class_that_the_model_does_not_have_is_refused(data, monkeypatch):
    with pytest.raises(
        DataError, match=r"model of run does not have the class 'sick'; it has normal, large\. .*--labels"
    ):
        fitted(data, monkeypatch, "normal", "large")


def test_other_crops_are_refused(data, monkeypatch):
    with pytest.raises(DataError, match="image_size is 32, the model of run has 64"):
        fitted(data, monkeypatch, "normal", "sick", size=64)


def test_the_runs_own_data_set_is_refused(data):
    run = SimpleNamespace(path=Path("run"), info={"data_hash": data.content_hash})
    with pytest.raises(RunError, match="is what run was trained on"):
        rescore.as_the_model_has_it(run, data)  # type: ignore[arg-type]
