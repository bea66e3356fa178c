"""Which class is which profusion: as stated, or by names that leave no doubt."""

from __future__ import annotations

import pytest

from keras_cwp.errors import ConfigError
from keras_cwp.evaluation.profusion import UNREAD, profusions_of
from keras_cwp.staging_section import StagingConfig


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (("0", "1", "2", "3"), [0, 1, 2, 3]),
        (("0/0", "0/1", "1/0", "1/2", "3/+", "0/-"), [0, 0, 1, 1, 3, 0]),
        (("normal", "category 1", "category 2", "category_3"), [0, 1, 2, 3]),
        (("Normal", "profusion 1", "Profusion-2", "PMF"), [0, 1, 2, UNREAD]),
        (("no_finding", "密集度1级", "密集度2级", "大阴影"), [0, 1, 2, UNREAD]),
        (("large_opacity", "3", "2", "1", "0"), [UNREAD, 3, 2, 1, 0]),
    ],
)
def test_plain_names(classes, expected):
    found = profusions_of(classes, StagingConfig())
    assert found.profusion.tolist() == expected
    assert found.large.tolist() == [value == UNREAD for value in expected]
    assert not found.coalescence.any()


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        (("normal", "small_opacities", "large_opacity"), "small_opacities"),
        (("0", "1"), "0"),  # perhaps no and yes
        (("stage 1", "stage 2"), "stage 1"),
        (("normal", "4/4"), "4/4"),
        (("normal", "mild"), "mild"),
    ],
)
def test_a_name_that_leaves_doubt_is_asked_about(classes, name):
    with pytest.raises(ConfigError, match=f"class '{name}' names no profusion .*; give it one from 0 to 3"):
        profusions_of(classes, StagingConfig())


def test_what_is_stated_comes_before_names():
    config = StagingConfig(profusion={"normal": 0, "some": 1, "category 3": 2}, large="massive", coalescence=["ax"])
    found = profusions_of(("normal", "some", "ax", "massive", "category 3"), config)
    assert found.profusion.tolist() == [0, 1, 3, UNREAD, 2]
    assert found.large.tolist() == [False, False, False, True, False]
    assert found.coalescence.tolist() == [False, False, True, False, False]
    beside = StagingConfig(profusion={"large_opacity": 3})  # named a profusion, so no large opacity
    assert not profusions_of(("normal", "large_opacity"), beside).large.any()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (StagingConfig(profusion={"mild": 1}), r"profusion: 'mild' is no class; there are normal, 1/1"),
        (StagingConfig(large=("big",)), r"large: 'big' is no class"),
        (StagingConfig(coalescence="ax"), r"coalescence: 'ax' is no class"),
        (StagingConfig(large="1/1", coalescence="1/1"), r"'1/1' is under large and under coalescence"),
        (StagingConfig(profusion={"1/1": 0}), r"none of normal, 1/1 has a profusion of 1 or more"),
    ],
)
def test_what_is_stated_wrongly(config, message):
    with pytest.raises(ConfigError, match=rf"evaluate\.staging.*{message}"):
        profusions_of(("normal", "1/1"), config)


def test_profusion_does_not_fall_along_the_order():
    classes = ("1/1", "normal", "pmf")
    profusions_of(classes, StagingConfig(), ("normal", "1/1", "pmf"))
    with pytest.raises(ConfigError, match=r"'1/1' has 1 and 'normal' 0, but data\.ordinal has '1/1' first"):
        profusions_of(classes, StagingConfig(), ("1/1", "normal", "pmf"))


def test_one_name_is_a_list_of_one_and_none_is_empty():
    assert StagingConfig(large="a").large == ("a",)
    assert StagingConfig(large=None).large == StagingConfig(large="none").large == ()
    assert not StagingConfig().stated
    assert not StagingConfig(rule="none").stated
    assert StagingConfig(rule="ilo").stated
