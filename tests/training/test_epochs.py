"""What happens between two epochs when the numbers have gone wrong."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from keras_cwp.errors import RunError
from keras_cwp.training import epochs
from keras_cwp.training.epochs import EpochEnd


def test_a_network_that_answers_nan_names_the_epoch_and_the_cure(monkeypatch, tmp_path):
    answers = np.array([[0.5, 0.5], [np.nan, np.nan]])
    monkeypatch.setattr(epochs, "predict_probabilities", lambda *_: answers)
    end = SimpleNamespace(rows=np.arange(2), _ask=None, data=None, keep_views=None, folder=tmp_path / "run")
    with pytest.raises(RunError, match=r"run: the validation loss is nan in epoch 3; lower train\.learning_rate"):
        EpochEnd._validate(end, 2)
