"""Nested choice with the training stubbed: who is asked about whom, and what is chosen by it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.fold_stub import small_config, small_data

from keras_cwp.candidates import candidate_configs
from keras_cwp.config import load_config
from keras_cwp.errors import ConfigError, SplitError
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.training import nested
from keras_cwp.training.epochs import keep_validation
from keras_cwp.training.nested import choose, train_nested

EPOCHS = 3
CANDIDATES = {"flat": {"train": {"learning_rate": 0.1}}, "steep": {"train": {"learning_rate": 0.2}}}


class Trainings:
    """Stands for train_network: notes its arguments; validation probabilities are right with a given chance."""

    def __init__(self, chance: dict[tuple[float, int], float]) -> None:
        self.chance = chance
        self.calls: list[tuple] = []

    def __call__(
        self, data, train, validation, config, seed, folder, console, title, stop_after=None, keep=False, watch=None
    ):
        self.calls.append((train, validation, config, seed, stop_after))
        for epoch in range(EPOCHS if keep else 0):
            random = np.random.default_rng([seed, epoch])
            right = random.random(len(validation)) < self.chance.get((config.train.learning_rate, epoch), 0.5)
            own = np.where(right, 0.9, 0.1) - 0.05 * random.random(len(validation))
            opacity = np.where(data.labels[validation] == 1, own, 1 - own)
            keep_validation(folder, epoch, np.stack([1 - opacity, opacity], axis=1))
        return f"network of {title}"


@pytest.fixture
def fold(tmp_path, monkeypatch):
    """A function that chooses within the patients that are not held out; and what was trained for it."""
    trainings = Trainings({(0.2, 1): 1.0})
    monkeypatch.setattr(nested, "train_network", trainings)
    data = small_data(tmp_path, patients=40)
    config = small_config(inner=4).model_copy(update={"candidates": CANDIDATES})
    config = config.model_copy(update={"train": config.train.model_copy(update={"epochs": EPOCHS})})
    rows = np.arange(20, 80)
    network, probabilities = train_nested(data, rows, config, 7, tmp_path / "fold_1")
    return data, rows, trainings.calls, network, probabilities, tmp_path / "fold_1"


def test_inner_networks_see_training_patients_only_and_judge_each_row_once(fold):
    data, rows, calls, *_ = fold
    assert len(calls) == 2 * 4 + 1
    for train, validation, *_ in calls[:-1]:
        assert set(train) | set(validation) == set(rows)
        assert not set(data.patients[train]) & set(data.patients[validation])
    for candidate in (calls[:4], calls[4:8]):
        np.testing.assert_array_equal(np.sort(np.concatenate([call[1] for call in candidate])), rows)
    assert len({call[3] for call in calls[:4]}) == 4  # seeds
    assert all(call[4] is None and call[2].train.early_stopping is None for call in calls[:-1])


def test_the_best_candidate_is_trained_on_all_rows_for_the_best_number_of_epochs(fold):
    _, rows, calls, network, _, folder = fold
    train, validation, config, _, stop_after = calls[-1]
    np.testing.assert_array_equal(train, rows)
    assert len(validation) == 0
    assert (config.train.learning_rate, config.train.epochs, stop_after) == (0.2, EPOCHS, 2)
    assert network == "network of fold_1"
    choice = json.loads((folder / "choice.json").read_text())
    assert (choice["candidate"], choice["epochs"]) == ("steep", 2)
    assert load_config(folder / "config.yaml").train.learning_rate == 0.2


def test_thresholds_get_the_chosen_networks_out_of_fold_probabilities(fold):
    data, rows, calls, _, probabilities, folder = fold
    assert macro_auc(data.labels[rows], probabilities) == 1.0
    for number, (_, validation, *_) in enumerate(calls[4:8], start=1):
        kept = np.load(folder / "inner" / "steep" / f"inner_{number}" / "validation_epoch_0002.npy")
        np.testing.assert_array_equal(probabilities[np.isin(rows, validation)], kept)


def test_of_equals_the_first_is_chosen():
    curves = {"a": np.array([0.5, 0.8, 0.8]), "b": np.array([0.8, 0.7, 0.6]), "c": np.array([np.nan, 0.1, 0.2])}
    assert choose(curves) == ("a", 1)


def test_too_few_patients_for_inner_folds(tmp_path):
    with pytest.raises(SplitError, match=r"class 'normal' has 3 patients, fewer than 4 folds"):
        train_nested(small_data(tmp_path), np.arange(12), small_config(inner=4), 0, tmp_path / "fold_1")


@pytest.mark.parametrize(
    ("inner", "candidates", "message"),
    [
        (None, CANDIDATES, r"candidates \['flat', 'steep'\]: inner folds choose among them; give split.inner"),
        (2, {"a": {"data": {"image_size": 64}}}, "candidate a: 'data' is .*; candidates have sections, model, augment"),
        (2, {"a": {"train": 5}}, "candidate a: 'train' is 5; candidates have sections"),
        (2, {"a": {"train": {"epoch": 1}}}, "candidate a: unknown key 'train.epoch'"),
        (2, {"../a": {}}, "candidate ../a: a name is made of letters"),
    ],
)
def test_candidates_that_are_none(inner, candidates, message):
    with pytest.raises(ConfigError, match=message):
        candidate_configs(small_config(inner=inner).model_copy(update={"candidates": candidates}))
