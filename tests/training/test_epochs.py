"""What happens between two epochs when the numbers have gone wrong."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare
from keras_cwp.errors import RunError
from keras_cwp.training import epochs
from keras_cwp.training.epochs import EpochEnd
from keras_cwp.training.inference import predict_probabilities


def test_a_network_that_answers_nan_names_the_epoch_and_the_cure(monkeypatch, tmp_path):
    answers = np.array([[0.5, 0.5], [np.nan, np.nan]])
    monkeypatch.setattr(epochs, "predict_probabilities", lambda *_: answers)
    end = SimpleNamespace(rows=np.arange(2), _ask=None, data=None, keep_views=None, folder=tmp_path / "run")
    with pytest.raises(RunError, match=r"run: the validation loss is nan in epoch 3; lower train\.learning_rate"):
        EpochEnd._validate(end, 2)


def test_infinite_logits_give_nan_without_a_warning_of_scipy(good_table, images, tmp_path):
    data = prepare(good_table, images, tmp_path / "data", DataConfig(image_size=32))
    found = predict_probabilities(lambda crops: tf.fill([len(crops), 2], float("inf")), data, np.arange(2))
    assert np.isnan(found).all()
