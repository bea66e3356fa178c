"""The configuration refuses what it does not know, and says where."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from keras_cwp.candidates import candidate_configs
from keras_cwp.config import Config, dump_config, load_config, read_stored_config
from keras_cwp.errors import ConfigError
from keras_cwp.models.presets import PRESETS

ROOT = Path(__file__).parents[1]


def test_overrides_lie_over_the_file_and_the_file_over_the_defaults(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("train:\n  epochs: 3\n  batch_size: 8\n")
    config = load_config(path, ["train.epochs=5", "augment.policy=none", "train.learning_rate=1e-3"])
    assert (config.train.epochs, config.train.batch_size, config.augment.policy) == (5, 8, "none")
    assert config.train.learning_rate == 0.001
    assert config.train.weight_decay == Config().train.weight_decay


@pytest.mark.parametrize("path", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_that_is_shipped_is_one(path):
    for config in candidate_configs(load_config(path)).values():
        assert config.model.arch in PRESETS
    assert path.read_text().startswith("# ")


def test_dump_holds_every_key_and_reads_back_equal(tmp_path):
    config = load_config(None, ["data.classes=[a, b]", "train.early_stopping=null"])
    path = tmp_path / "c.yaml"
    path.write_text(dump_config(config))
    assert load_config(path) == config
    assert set(yaml.safe_load(path.read_text())["train"]) == set(type(config.train).model_fields)


def test_a_stored_configuration_of_an_earlier_version_is_read_without_its_retired_keys(tmp_path):
    config = load_config(None, ["train.epochs=5"])
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(config).replace("  image_size:", "  rois_per_shard: 512\n  image_size:"))
    assert read_stored_config(path) == config
    with pytest.raises(ConfigError, match="remove the key"):
        load_config(path)
    path.write_text("data:\n  rois_per_shred: 512\n")
    with pytest.raises(ConfigError, match=r"unknown key 'data\.rois_per_shred'; known here"):
        read_stored_config(path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epoch=5", r"unknown key 'train.epoch'; known here: .*epochs.*; did you mean train\.epochs\?"),
        ("trian.epochs=5", r"unknown key 'trian'; known here: augment, candidates, data"),
        ("train.seed=5", r"unknown key 'train.seed'; known here: .*; did you mean seed\?"),
        ("train.xyz=5", r"unknown key 'train.xyz'; known here: [^;]*$"),
        ("data.rois_per_shard=512", r"unknown key 'data.rois_per_shard'; all crops .* crops\.npy; remove the key"),
        ("train.epochs=many", r"train.epochs: .*integer.*, got 'many'"),
        ("train.epochs=0", r"train.epochs: .*greater than or equal to 1, got 0"),
        ("data.square=round", r"data.square: .*'pad' or 'stretch', got 'round'"),
        ("train.epochs", r"expected section.key=value"),
        ("seed.x=1", r"seed"),
        ("train.epochs=[", r"not YAML"),
    ],
)
def test_a_bad_override_is_named(override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(None, [override])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {epochs: 2, rounds: 3}", r"bad.yaml: unknown key 'train.rounds'"),
        ("- 1", r"bad.yaml: expected sections such as 'train:', got list"),
        ("train: [", r"bad.yaml: not YAML"),
        ("train: 3", r"bad.yaml: train: "),
    ],
)
def test_a_bad_file_is_named(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none.yaml: No such file"):
        load_config(tmp_path / "none.yaml")


def test_words_that_yaml_turns_into_something_else_stay_what_they_are():
    said = ["train.mixed_precision=off", "data.classes=[yes, no, 0, 01]", "data.link_duplicates=on", "model.eca=none"]
    config = load_config(None, said)
    assert config.train.mixed_precision == "off"
    assert config.data.classes == ("yes", "no", "0", "01")
    assert config.data.link_duplicates is True
    assert config.model.eca == "none"


@pytest.mark.parametrize("word", ["none", "None", "null", "~", ""])
def test_none_means_no_value_where_a_key_may_have_none(word):
    config = load_config(None, [f"train.ema_momentum={word}", f"model.weights={word}", f"data.classes={word}"])
    assert (config.train.ema_momentum, config.model.weights, config.data.classes) == (None, None, None)


def test_an_empty_section_has_its_defaults(tmp_path):
    (tmp_path / "c.yaml").write_text("train:\nmodel:\n  arch: resnet50\n")
    assert load_config(tmp_path / "c.yaml").train == Config().train


@pytest.mark.parametrize("value", ["inf", "nan", "-inf"])
def test_numbers_are_finite(value):
    with pytest.raises(ConfigError, match=r"train\.learning_rate: .*finite|greater than"):
        load_config(None, [f"train.learning_rate={value}"])


def test_words_survive_a_run_folder(tmp_path):
    config = load_config(None, ["data.classes=[yes, 'null', 0, 01, on]", "train.mixed_precision=on"])
    (tmp_path / "c.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "c.yaml") == config


def test_a_mapping_a_configuration_and_a_file_are_sources_alike(tmp_path):
    tree = {"train": {"epochs": 3}}
    (tmp_path / "c.yaml").write_text("train:\n  epochs: 3\n")
    for source in (tree, Config.model_validate(tree), tmp_path / "c.yaml", str(tmp_path / "c.yaml")):
        config = load_config(source, {"train.batch_size": 8})
        assert (config.train.epochs, config.train.batch_size) == (3, 8)
    assert tree == {"train": {"epochs": 3}}
