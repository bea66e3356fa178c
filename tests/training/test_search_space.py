"""The space of a search: what it may say, and one clear line about what it may not."""

from __future__ import annotations

import pytest

from keras_cwp.config import Config, dump_config, load_config, read_stored_config
from keras_cwp.errors import ConfigError
from keras_cwp.training.search_space import Choices, Range, laid_over, read_space, space_of


def config_of(space: dict) -> Config:
    return load_config(None, {"search.space": space, "split.inner": 2})


def test_choices_ranges_and_whole_numbers():
    space = {
        "model.dropout": [0, 0.5],
        "train.learning_rate": {"log": [1e-4, 1e-2]},
        "train.batch_size": {"range": [8.0, 64.0]},
        "train.weight_decay": {"range": [0, 1]},
        "train.ema_momentum": [None, 0.9],
    }
    found = space_of(config_of(space))
    assert found["model.dropout"] == Choices((0, 0.5))
    assert found["train.learning_rate"] == Range(1e-4, 1e-2, True)
    assert found["train.batch_size"] == Range(8, 64, False, whole=True)
    assert found["train.weight_decay"] == Range(0, 1, False)


def test_a_trial_is_the_configuration_with_its_values_and_no_search():
    config = laid_over(config_of({"model.dropout": [0.5]}), {"model.dropout": 0.5, "train.batch_size": 9})
    assert (config.model.dropout, config.train.batch_size, config.search.space) == (0.5, 9, {})
    assert config.split.inner == 2


def test_a_file_and_a_mapping_say_the_same_and_a_run_keeps_it(tmp_path):
    """A RUN is continued only where its configuration is the same as the command's."""
    text = "train.learning_rate: {log: [1.0e-4, 1.0e-1]}\nmodel.dropout: [0, 0.3]\ntrain.ema_momentum: [none, 0.9]\n"
    (tmp_path / "space.yaml").write_text(text)
    from_file = config_of(read_space(tmp_path / "space.yaml"))
    mapping = {
        "train.learning_rate": {"log": [1e-4, 1e-1]}, "model.dropout": [0, 0.3], "train.ema_momentum": [None, 0.9]
    }  # fmt: skip
    assert from_file == config_of(mapping)
    (tmp_path / "config.yaml").write_text(dump_config(from_file))
    assert read_stored_config(tmp_path / "config.yaml") == from_file
    assert space_of(from_file)["train.learning_rate"] == Range(1e-4, 1e-1, True)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, r"^space s: it is empty; give keys such as train.learning_rate"),
        ({"train.learning_rte": [0.1]}, r"^space s: unknown key 'train.learning_rte'; .*did you mean train.learning_r"),
        ({"train.learning_rate": [0.1, -1]}, r"^space s: train.learning_rate: .* greater than 0, got -1"),
        ({"model.dropout": {"range": [0.1, 1.5]}}, r"^space s: model.dropout: .* less than 1, got 1.5"),
        ({"augment.policy": []}, r"^space s: augment.policy: expected a list of single values, got \[\]"),
        ({"model.arch": "resnet50"}, r"^space s: model.arch: expected a list of choices, .*, got 'resnet50'"),
        ({"model.dropout": {"range": [0.5, 0.1]}}, r"range expects two numbers, the lower first, got \[0.5, 0.1\]"),
        ({"train.weight_decay": {"log": [0, 0.1]}}, r"log expects numbers above 0, got \[0, 0.1\]"),
        ({"train.batch_size": {"range": [8.5, 64]}}, r"^space s: train.batch_size: .*, got 8.5"),
        ({"data.image_size": [64]}, r"'data.image_size' cannot be searched; expected keys of the sections model, augm"),
        ({"train.epochs": [3]}, r"'train.epochs' cannot be searched, for inner folds choose the epoch already"),
        ({"train.threads": [1]}, r"'train.threads' cannot be searched, for all trainings of a process share it"),
        ({"train": [3]}, r"'train' cannot be searched"),
    ],
)
def test_what_is_no_space(space, message):
    with pytest.raises(ConfigError, match=message):
        space_of(config_of(space), "space s")
