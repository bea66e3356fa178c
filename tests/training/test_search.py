"""A search in the inner folds of a fold: who is asked about whom, what is pruned, and what a second call does."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from rich.console import Console
from support.fold_stub import small_config, small_data

from keras_cwp.config import load_config
from keras_cwp.errors import ConfigError, CwpError
from keras_cwp.training import admit as admitting
from keras_cwp.training import crossval, nested
from keras_cwp.training.crossval import cross_validate
from keras_cwp.training.epochs import keep_validation, kept_so_far
from keras_cwp.training.nested import train_nested

EPOCHS, INNER, TRIALS = 3, 2, 9
SPACE = {"train.learning_rate": {"log": [1e-4, 1e-1]}, "model.dropout": [0.0, 0.3]}

pytest.importorskip("optuna", reason="Optuna is not installed; pip install '.[search]'")


class Killed(BaseException):
    """Stands for the end of the process."""


class Trainings:
    """Stands for train_network: the nearer the learning rate is to 0.01, the better; writes and watches as it does."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.calls: list[tuple] = []
        self.epochs = 0
        self.dies_at = dies_at

    def __call__(
        self, data, train, validation, config, seed, folder, console, title, stop_after=None, keep=False, watch=None
    ):
        self.calls.append((train, validation, config, folder))
        for epoch in range(len(kept_so_far(folder)), EPOCHS if keep else 0):
            self.epochs += 1
            if self.epochs == self.dies_at:
                raise Killed
            chance = 1 - min(abs(np.log10(config.train.learning_rate) + 2) / 4, 0.5) - 0.02 * (EPOCHS - epoch)
            right = np.random.default_rng([seed, epoch]).random(len(validation)) < chance
            own = np.where(right, 0.9, 0.1)
            opacity = np.where(data.labels[validation] == 1, own, 1 - own)
            keep_validation(folder, epoch, np.stack([1 - opacity, opacity], axis=1))
            watch(epoch, nested.macro_auc(data.labels[validation], kept_so_far(folder)[-1]))
        return f"network of {title}"


@pytest.fixture
def asked(tmp_path):
    data = small_data(tmp_path, patients=40)
    config = load_config(
        small_config(inner=INNER), {"train.epochs": EPOCHS, "search.space": SPACE, "search.trials": TRIALS}
    )
    return data, config, np.arange(20, 80)


def run(asked, folder, monkeypatch, dies_at=None):
    trainings = Trainings(dies_at)
    monkeypatch.setattr(nested, "train_network", trainings)
    data, config, rows = asked
    network, probabilities = train_nested(data, rows, config, 7, folder)
    return trainings, network, probabilities


def test_no_trial_sees_an_outer_test_patient_and_the_best_is_trained_on_all_rows(asked, tmp_path, monkeypatch):
    data, _, rows = asked
    trainings, network, probabilities = run(asked, tmp_path / "fold_1", monkeypatch)
    outer = set(data.patients) - set(data.patients[rows])
    assert outer
    for train, validation, *_ in trainings.calls:
        assert not outer & set(data.patients[np.concatenate([train, validation]).astype(int)])
        assert not set(data.patients[train]) & set(data.patients[validation])
    trials = json.loads((tmp_path / "fold_1" / "inner" / "trials.json").read_text())["trials"]
    choice = json.loads((tmp_path / "fold_1" / "choice.json").read_text())
    best = max((trial for trial in trials if trial["state"] == "complete"), key=lambda trial: trial["auc"])
    assert choice["candidate"] == f"trial_{best['number']}"
    last = trainings.calls[-1]
    np.testing.assert_array_equal(last[0], rows)
    assert last[2].train.learning_rate == best["values"]["train.learning_rate"]
    stored = load_config(tmp_path / "fold_1" / "config.yaml")
    assert (stored.model.dropout, stored.search.space) == (best["values"]["model.dropout"], {})
    assert (network, probabilities.shape) == ("network of fold_1", (60, 2))


def test_trials_that_do_worse_are_pruned_after_the_first_ones(asked, tmp_path, monkeypatch):
    run(asked, tmp_path / "fold_1", monkeypatch)
    trials = json.loads((tmp_path / "fold_1" / "inner" / "trials.json").read_text())["trials"]
    assert len(trials) == TRIALS
    assert all(trial["state"] == "complete" for trial in trials[:5])
    pruned = [trial for trial in trials if trial["state"] == "pruned"]
    assert pruned
    assert all(trial["auc"] is None and 0 < trial["steps"] < EPOCHS * INNER for trial in pruned)
    complete = [trial for trial in trials if trial["state"] == "complete"]
    assert all(trial["steps"] == EPOCHS * INNER for trial in complete)


@pytest.mark.parametrize("dies_at", [2, 11, 33])
def test_a_second_call_after_a_kill_ends_as_one_call_does(asked, tmp_path, monkeypatch, dies_at):
    whole, _, expected = run(asked, tmp_path / "whole", monkeypatch)
    with pytest.raises(Killed):
        run(asked, tmp_path / "parts", monkeypatch, dies_at)
    rest, _, found = run(asked, tmp_path / "parts", monkeypatch)
    np.testing.assert_array_equal(found, expected)
    for name in ("inner/trials.json", "choice.json", "config.yaml"):
        assert (tmp_path / "parts" / name).read_text() == (tmp_path / "whole" / name).read_text()
    assert rest.epochs == whole.epochs - dies_at + 1


def test_what_cannot_be_searched_is_said_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(crossval, "check_buildable", lambda *_: None)
    monkeypatch.setattr(admitting, "refuse_leaks", lambda _: None)  # small_data has no pixels
    data = small_data(tmp_path / "data")

    def validate(config):
        cross_validate(data, config, tmp_path / "run", Console(quiet=True))

    with pytest.raises(ConfigError, match=r"^search.space: inner folds choose by it; give split.inner"):
        validate(load_config(small_config(), {"search.space": SPACE}))
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(CwpError, match=r"^search: Optuna is not installed; pip install .*(optuna|search)"):
        validate(load_config(small_config(inner=2), {"search.space": SPACE}))
    assert not (tmp_path / "run").exists()
