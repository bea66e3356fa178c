"""Policies as data: what is read, and what each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_cwp.augment.operations import OPERATIONS
from keras_cwp.augment.policy import Policy, load_policy, policy_names
from keras_cwp.errors import ConfigError


def test_every_named_policy_loads() -> None:
    assert set(policy_names()) >= {"none", "light", "paper", "strong", "randaugment"}
    assert all(isinstance(load_policy(name), Policy) for name in policy_names())


def test_none_draws_nothing_and_paper_is_the_classical_set() -> None:
    assert not load_policy("none").operations
    assert {"flip_x", "rotation_deg", "shift", "zoom", "exposure"} <= set(load_policy("paper").operations)


def test_a_file_and_a_mapping_and_a_policy_are_policies(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("operations: {zoom: {range: [0.9, 1.2], probability: 0.5}}\n")
    policy = load_policy(tmp_path / "mine.yaml")
    assert policy.operations["zoom"].range == (0.9, 1.2)
    assert load_policy(policy) is policy
    assert load_policy(policy.model_dump(mode="json")) == policy


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"operations": {"zomm": {"range": [1, 1]}}}, r"policy: unknown operation 'zomm'; known: flip_x, .*"),
        ({"operations": {"zoom": {}}}, r"operations.zoom: range: \[low, high\] is missing \(above 1 magnifies\)"),
        ({"operations": {"zoom": {"range": [1.2, 0.9]}}}, r"zoom: range \[1.2, 0.9\] must be ordered and within"),
        (
            {"operations": {"zoom": {"range": [0.1, 1]}}},
            r"zoom: range \[0.1, 1\] must be ordered and within \[0.25, 4\]",
        ),
        ({"operations": {"flip_x": {"range": [0, 1]}}}, r"flip_x: takes a probability only, got range \[0.0, 1.0\]"),
        ({"operations": {"flip_x": {"probability": 2}}}, r"operations.flip_x.probability: .* less than or equal to 1"),
        ({"operation": {}}, r"operation: Extra inputs are not permitted"),
    ],
)
def test_a_mistake_is_named(tree: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_policy(tree)


def test_a_name_that_is_neither_policy_nor_file_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"augment.policy: 'sronger' is neither a file nor one of none, light, paper"):
        load_policy("sronger")


def test_a_file_that_is_not_a_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- zoom\n")
    with pytest.raises(ConfigError, match=r"list.yaml: expected keys such as 'operations:', got list"):
        load_policy(tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("{")
    with pytest.raises(ConfigError, match=r"broken.yaml: cannot be read as YAML"):
        load_policy(tmp_path / "broken.yaml")


def test_the_table_is_sound() -> None:
    for name, row in OPERATIONS.items():
        assert row.least <= row.neutral <= row.most, name
        assert row.law != "log" or row.least > 0, name
        assert row.caption.format(*[row.neutral] * row.columns), name
