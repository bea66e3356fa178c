"""The report says how a run divided its patients and who chose what."""

from __future__ import annotations

import json

import pytest
from support.fold_stub import small_config, small_data

from keras_cwp.config import Config, TrainConfig, dump_config
from keras_cwp.data.fold_plan import fold_parts
from keras_cwp.data.split_file import split_csv
from keras_cwp.report.held_out import how_held_out
from keras_cwp.training.run import RunFolder


def words(tmp_path, config: Config, splits=None, **info) -> str:
    run = tmp_path / "run"
    run.mkdir()
    data = small_data(tmp_path, ("north", "south"), patients=16)
    splits = splits or fold_parts(data, config)
    (run / "config.yaml").write_text(dump_config(config))
    (run / "run.json").write_text(json.dumps({"kind": "cv", "data_hash": "h", **info}))
    (run / "split.csv").write_text(split_csv(data, splits))
    for fold in splits:
        folder = run / f"fold_{fold}"
        folder.mkdir()
        (folder / "model.keras").write_bytes(b"")
        (folder / "choice.json").write_text(json.dumps({"candidate": "steep", "epochs": 3 + fold}))
    return how_held_out(RunFolder(run), 1)


def test_repeats_are_counted_in_the_split_itself(tmp_path):
    said = words(tmp_path, small_config(folds=2, repeats=3))
    assert said.startswith(
        "2-fold cross-validation, 3 times with other folds: the patients were divided into 2 groups."
    )
    assert "chose its thresholds and were not trained on. Early stopping was off" in said


def test_a_given_split_is_described_as_it_is(tmp_path):
    splits = fold_parts(small_data(tmp_path, ("north", "south"), patients=16), small_config(folds=4))
    said = words(tmp_path, small_config(folds=2, by="site"), splits, split_given=True)
    assert said.startswith("4-fold cross-validation: ")
    assert said.endswith("The split is that of an earlier run.")


def test_sites(tmp_path):
    said = words(tmp_path, small_config(by="site"))
    assert said.startswith("Leave-one-site-out cross-validation: the patients were divided into 2 sites")


@pytest.mark.parametrize("candidates", [{}, {"flat": {}, "steep": {}}])
def test_nested_names_what_inner_folds_chose(tmp_path, candidates):
    config = small_config(folds=2, inner=3).model_copy(update={"candidates": candidates})
    said = words(tmp_path, config)
    assert "Nested: 3 inner folds of the training patients of each network chose the number of epochs" in said
    if candidates:
        assert "the configuration among flat, steep" in said
        assert "fold 1: steep, 4 epochs; fold 2: steep, 5 epochs" in said
    else:
        assert "fold 1: 4 epochs; fold 2: 5 epochs" in said


def test_fit(tmp_path):
    data = small_data(tmp_path, ("north", "south"), patients=16)
    splits = {0: fold_parts(data, small_config(folds=4))[1]}
    said = words(tmp_path, small_config(), splits, kind="fit")
    assert "divided once" in said
    assert "to choose the thresholds, 4 held out" in said
    assert "Early stopping was off: the weights are those of the last epoch." in said
    assert said.endswith("Each ROI was scored once, without augmentation.")


def test_fit_with_early_stopping_says_that_validation_chose_the_epoch(tmp_path):
    config = small_config().model_copy(update={"train": TrainConfig(early_stopping=3)})
    data = small_data(tmp_path, ("north", "south"), patients=16)
    splits = {0: fold_parts(data, small_config(folds=4))[1]}
    said = words(tmp_path, config, splits, kind="fit")
    assert "to choose the epoch and the thresholds" in said
    assert "Early stopping was off" not in said
