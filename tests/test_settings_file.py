"""Settings that come with the package are found by name; `keras-cwp config` lists and explains them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from keras_cwp.augment.policy import policy_names
from keras_cwp.candidates import read_candidate
from keras_cwp.cli.main import cli
from keras_cwp.config import AugmentConfig, Config, load_config
from keras_cwp.errors import ConfigError
from keras_cwp.schema import is_section
from keras_cwp.settings_file import find_settings, packaged_settings

CONFIGS = Path(__file__).parents[1] / "configs"


def test_every_file_of_configs_has_a_name():
    assert {name: file.resolve() for name, file in packaged_settings().items()} == {
        file.relative_to(CONFIGS).with_suffix("").as_posix(): file for file in CONFIGS.rglob("*.yaml")
    }


@pytest.mark.parametrize("name", ["default", "scratch", "paper_table/resnet50"])
def test_a_name_is_read_as_its_file_is(name):
    assert load_config(name) == load_config(CONFIGS / f"{name}.yaml")
    assert read_candidate(name) == read_candidate(CONFIGS / f"{name}.yaml")


def test_a_file_of_the_users_own_comes_first(tmp_path, monkeypatch):
    (tmp_path / "default").write_text("train: {epochs: 7}\n")
    monkeypatch.chdir(tmp_path)
    assert load_config("default").train.epochs == 7


def test_a_folder_of_that_name_is_not_a_file(tmp_path, monkeypatch):
    (tmp_path / "default").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_settings("default") == packaged_settings()["default"]


def test_an_unknown_name_lists_those_that_there_are():
    with pytest.raises(
        ConfigError, match="configuration defalt: no such file, and keras_cwp comes with auto, default, "
    ):
        load_config("defalt")


def config_command(*words: str) -> str:
    answer = CliRunner().invoke(cli, ["config", *words])
    if isinstance(answer.exception, ConfigError):
        raise answer.exception
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_list_has_a_line_for_each():
    lines = config_command("list").splitlines()
    assert [line.split()[0] for line in lines] == list(packaged_settings())
    assert all(len(line.split(maxsplit=1)[1]) > 8 for line in lines)


def test_show_prints_a_text_that_can_be_used(tmp_path):
    (tmp_path / "mine.yaml").write_text(config_command("show", "nested"))
    assert load_config(tmp_path / "mine.yaml") == load_config("nested")


def leaves(schema: type[BaseModel], prefix: str = "") -> dict[str, object]:
    """Dotted key to field, of every section."""
    found: dict[str, object] = {}
    for name, field in schema.model_fields.items():
        inner = field.annotation
        if is_section(inner):
            found |= leaves(inner, f"{prefix}{name}.")
        else:
            found[prefix + name] = field
    return found


@pytest.mark.parametrize(("key", "field"), leaves(Config).items())
def test_every_key_has_a_description_that_keys_prints(key, field):
    assert field.description, f"{key} has no description in keras_cwp/config.py"
    lines = [line.strip() for line in config_command("keys").splitlines()]
    (place,) = (number for number, line in enumerate(lines) if line.startswith(f"{key} = "))
    assert lines[place + 1] == field.description


def test_keys_of_one_section_print_defaults_and_bounds():
    text = config_command("keys", "train")
    assert "train.batch_size = 32   (whole number, ≥ 1, ≤ 1024)" in text
    assert "train.loss = cross_entropy   (cross_entropy | focal | cumulative)" in text
    assert "train.threads = none   (whole number | none, ≥ 1)" in text
    assert "data.image_size = " not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "defalt"), "config show defalt: .*did you mean default"),
        (("show", "mine"), "config show mine: .*there are auto, default, ensemble, nested"),
        (("keys", "trian"), "config keys trian: no such section; there are data, split"),
    ],
)
def test_a_mistake_is_named(words, message):
    with pytest.raises(ConfigError, match=message):
        config_command(*words)


def test_the_key_of_the_policy_names_all_policies():
    description = AugmentConfig.model_fields["policy"].description
    assert description.split(", or a path")[0].split(", ") == list(policy_names())


@pytest.mark.parametrize("annotation", [dict[str, int], tuple[str, ...], int, int | None, None])
def test_no_section(annotation):
    assert not is_section(annotation)
