"""The share of each network in an ensemble."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from keras_cwp.config import load_config
from keras_cwp.errors import ConfigError, RunError
from keras_cwp.training.crossval import _to_search
from keras_cwp.training.ensemble import check_ensemble, choose_share
from keras_cwp.training.ensemble_note import ENSEMBLE_FILE, Ensemble


def of_truth(*values: float) -> np.ndarray:
    """Probabilities of two classes that give the true one, class 1, these."""
    return np.array([[1 - value, value] for value in values])


def chosen(first: np.ndarray, second: np.ndarray, patients: list[int]) -> float:
    return choose_share(first, second, np.ones(len(first), int), np.array(patients))


def test_the_share_is_that_of_the_least_penalised_log_loss(rng: np.random.Generator) -> None:
    first, second = (rng.dirichlet(np.ones(3), 60) for _ in range(2))
    labels, patients = rng.integers(0, 3, 60), np.repeat(np.arange(20), 3)
    tried = np.linspace(0.001, 0.999, 999)
    own = np.arange(60), labels
    losses = [
        -np.log(share * first[own] + (1 - share) * second[own]).sum() / 3 - np.log(share * (1 - share))
        for share in tried
    ]
    assert choose_share(first, second, labels, patients) == pytest.approx(tried[np.argmin(losses)], abs=1.1e-3)


def test_the_better_network_counts_more_the_more_patients_say_so() -> None:
    good, bad = of_truth(0.9), of_truth(0.3)
    shares = [chosen(np.repeat(good, n, 0), np.repeat(bad, n, 0), list(range(n))) for n in (1, 5, 50)]
    assert 0.5 < shares[0] < shares[1] < shares[2] < 1
    assert shares[2] > 0.95
    assert chosen(bad, good, [0]) == pytest.approx(1 - shares[0], abs=1e-3)
    assert chosen(good, good, [0]) == 0.5


def test_a_patient_with_many_rois_counts_once() -> None:
    one = chosen(of_truth(0.9, 0.2), of_truth(0.3, 0.8), [1, 2])
    many = chosen(of_truth(*[0.9] * 30, 0.2), of_truth(*[0.3] * 30, 0.8), [1] * 30 + [2])
    assert many == pytest.approx(one, abs=1e-3)


def test_a_network_that_is_surely_wrong_once_has_a_share_still() -> None:
    assert 0 < chosen(of_truth(0.0, 0.9), of_truth(0.9, 0.0), [1, 2]) < 1


def test_each_network_keeps_a_share_however_many_patients_speak_against_it() -> None:
    good, bad = np.repeat(of_truth(1.0), 20_000, 0), np.repeat(of_truth(0.0), 20_000, 0)
    assert chosen(good, bad, list(range(20_000))) == pytest.approx(0.999, abs=1e-6)
    assert chosen(bad, good, list(range(20_000))) == pytest.approx(0.001, abs=1e-6)


@pytest.mark.parametrize("share", ["abc", None, 5.0, 0.0, 1.0])
def test_a_note_with_another_share_is_refused(share: object, tmp_path: Path) -> None:
    note = {"share": share, "patients": 3, "log_loss": {}}
    (tmp_path / ENSEMBLE_FILE).write_text(json.dumps(note))
    with pytest.raises(RunError, match=rf"ensemble\.json: .*expected a number between 0 and 1, got {share!r}"):
        Ensemble.read(tmp_path)


@pytest.mark.parametrize("share", [0, 1, 2, "half"])
def test_a_stated_share_of_all_or_nothing_is_refused(share: object) -> None:
    with pytest.raises(ConfigError, match=r"train\.ensemble_share"):
        load_config("ensemble", {"train.ensemble_share": share})


def test_a_search_that_could_draw_it_is_refused_before_anything_is_built() -> None:
    space = {"train.mode": ["fine_tune", "ensemble"]}
    config = load_config("default", {"split.inner": 2, "search.space": space, "search.trials": 2})
    drawn = [each.train.mode for each in _to_search(config)]
    assert drawn == ["fine_tune", "ensemble"]  # check_buildable sees each, and refuses the second
    with pytest.raises(ConfigError, match=r"train\.mode ensemble: validation patients choose the share"):
        check_ensemble(_to_search(config)[1])
