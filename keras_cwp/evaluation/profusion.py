"""Which classes are profusions of small opacities, which are large opacities: as stated, or by plain names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from keras_cwp.errors import ConfigError
from keras_cwp.evaluation.roi_metrics import Order
from keras_cwp.evaluation.unit_metrics import NORMAL_NAMES
from keras_cwp.staging_section import StagingConfig

UNREAD = -1  # stands for a profusion that is not known
_MOST = 3
# The ILO's twelve categories; the first number is the major one.
_MINOR = ("0/-", "0/0", "0/1", "1/0", "1/1", "1/2", "2/1", "2/2", "2/3", "3/2", "3/3", "3/+")
_MAJOR = re.compile(r"(?:small opacit(?:y|ies) )?(?:profusion|(?:major |ilo )*category|cat|ilo|密集度) ?([0-3]) ?级?")
_LARGE = re.compile(r"large opacit(y|ies)( [abc])?|pmf|progressive massive fibrosis|大阴影|大陰影")
_DIGITS = {"0", "1", "2", "3"}


@dataclass(frozen=True, eq=False)
class Profusions:
    """What each class says of a zone.

    Args:
        profusion: int [classes], 0 to 3; UNREAD for a large opacity, beside which small ones may be or not.
        large, coalescence: bool [classes].
    """

    profusion: np.ndarray
    large: np.ndarray
    coalescence: np.ndarray


def profusions_of(classes: Sequence[str], config: StagingConfig, order: Order = None) -> Profusions:
    """The profusion of each class, as the configuration states it or as the class is called.

    Args:
        order: all classes from least to most disease; profusion must not fall along it.

    Raises:
        ConfigError: a class that is neither stated nor plainly called, a stated class that does not exist, profusions
            against the order, or none above 0.
    """
    _check_names(classes, config)
    large = np.array([_is_large(name, config) for name in classes])
    coalescence = np.array([name in config.coalescence for name in classes])
    if (large & coalescence).any():
        name = classes[int(np.argmax(large & coalescence))]
        raise ConfigError(f"evaluate.staging: {name!r} is under large and under coalescence; it can be one of them")
    plain = {_tidy(name) for name in classes} >= _DIGITS
    profusion = np.array([_profusion(name, config, own, plain) for name, own in zip(classes, large, strict=True)])
    if not large.any() and profusion.max() <= 0:
        raise ConfigError(f"evaluate.staging.profusion: none of {', '.join(classes)} has a profusion of 1 or more")
    _check_order(classes, profusion, order)
    return Profusions(profusion, large, coalescence)


def _check_names(classes: Sequence[str], config: StagingConfig) -> None:
    stated = {"profusion": config.profusion, "large": config.large, "coalescence": config.coalescence}
    for key, names in stated.items():
        if unknown := [name for name in names if name not in classes]:
            raise ConfigError(f"evaluate.staging.{key}: {unknown[0]!r} is no class; there are {', '.join(classes)}")


def _is_large(name: str, config: StagingConfig) -> bool:
    if config.large:
        return name in config.large
    return name not in {*config.profusion, *config.coalescence} and _LARGE.fullmatch(_words(name)) is not None


def _profusion(name: str, config: StagingConfig, large: bool, plain: bool) -> int:
    if name in config.profusion:
        return config.profusion[name]
    if large:
        return UNREAD
    if name in config.coalescence:
        return _MOST
    tidy, words = _tidy(name), _words(name)
    minor = tidy.replace(" ", "")
    if minor in _MINOR or (plain and tidy in _DIGITS):
        return int(minor[0])
    if tidy in NORMAL_NAMES or words in NORMAL_NAMES:
        return 0
    if found := _MAJOR.fullmatch(words):
        return int(found[1])
    raise ConfigError(
        f"evaluate.staging.profusion: class {name!r} names no profusion of small opacities; give it one from 0 to 3, "
        "or put it under evaluate.staging.large"
    )


def _check_order(classes: Sequence[str], profusion: np.ndarray, order: Order) -> None:
    known = [(name, int(profusion[classes.index(name)])) for name in order or ()]
    known = [(name, value) for name, value in known if value != UNREAD]
    for (before, less), (after, more) in pairwise(known):
        if less > more:
            raise ConfigError(
                f"evaluate.staging.profusion: {before!r} has {less} and {after!r} {more}, but data.ordinal has "
                f"{before!r} first; make them agree"
            )


def _tidy(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _words(name: str) -> str:
    """Words with one blank between, whatever stood there."""
    return re.sub(r"[\s_:-]+", " ", _tidy(name)).strip()
