"""Policies as data: what is drawn, how far and how often. Named ones stand in policies.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from keras_cwp.errors import ConfigError

NAMED = Path(__file__).with_name("policies.yaml")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Chance(_Part):
    """How far and how often an operation is drawn."""

    range: tuple[float, float] | None = Field(None, description="low, high; none for the flips")
    probability: float = Field(1.0, ge=0, le=1, description="an image's chance to be drawn for; else neutral")


class Subset(_Part):
    """RandAugment: each image gets `n` of the policy's operations. Cubuk et al., arXiv 1909.13719."""

    n: int = Field(2, ge=1)


class Mixing(_Part):
    """Two images and their labels in one; see mixing.py."""

    mixup_alpha: float = Field(0.0, ge=0, le=10, description="of Beta(alpha, alpha); 0: never")
    cutmix_alpha: float = Field(0.0, ge=0, le=10, description="of Beta(alpha, alpha); 0: never")
    probability: float = Field(0.5, ge=0, le=1, description="an image's chance to be mixed")
    same_patient: bool = Field(True, description="false: images of one patient are never mixed")


class Opacities(_Part):
    """Simulated opacities in ROIs that show none, which then count as their class; see opacities.py."""

    probability: float = Field(0.3, gt=0, le=1, description="a normal ROI's chance to receive opacities")
    normal: str = Field("normal", description="class of the ROIs without opacities")
    small: str | None = Field(None, description="class of ROIs with small opacities; none: not laid")
    large: str | None = Field(None, description="class of ROIs with a large opacity; none: not laid")
    patch: str | None = Field(None, description="class of ROIs with an ill-defined patch; none: not laid")

    @property
    def laid(self) -> tuple[tuple[str, str], ...]:
        """What is laid, and the class that a ROI has then."""
        named = (("small", self.small), ("large", self.large), ("patch", self.patch))
        return tuple((kind, name) for kind, name in named if name is not None)

    @model_validator(mode="after")
    def _something_is_laid(self) -> Opacities:
        if not self.laid:
            raise ValueError("opacities: name the class of at least one of small, large, patch")
        if self.normal in dict(self.laid).values():
            raise ValueError(f"opacities: {self.normal!r} is the class without opacities and one with them")
        return self


class Policy(_Part):
    """What training images go through."""

    operations: Mapping[str, Chance] = Field({}, description="rows of augment/operations.py")
    magnitude: float = Field(1.0, ge=0, le=1, description="share of every range that is used; 0: neutral")
    subset: Subset | None = None
    mixing: Mixing = Mixing()
    opacities: Opacities | None = Field(None, description="simulated opacities in normal ROIs; none: no such")
    fill: Literal["reflect", "constant"] = Field("reflect", description="beyond the crop: mirrored, or black")
    keep: float = Field(
        0.8, ge=0, le=1, description="shifts leave a centred disc of this share of the ROI's side in view"
    )
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    antialias: bool = Field(False, description="where a view shrinks, blur the crop first by what it skips")
    elastic_cells: int = Field(5, ge=2, le=16, description="cells of the elastic grid along a side")

    @model_validator(mode="after")
    def _operations_are_of_the_table(self) -> Policy:
        for name, chance in self.operations.items():
            _check_chance(name, chance)
        return self


def load_policy(policy: str | Path | Mapping[str, Any] | Policy) -> Policy:
    """A policy by its name in policies.yaml, from a YAML file, or from a mapping.

    Raises:
        ConfigError: neither a name nor a file; an unknown key or operation; a range that is out of the table's.
    """
    if isinstance(policy, Policy):
        return policy
    tree, where = (policy, "policy") if isinstance(policy, Mapping) else _find(str(policy))
    try:
        return Policy.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{where}: {key + ': ' if key else ''}{message}") from None


@cache
def policy_names() -> tuple[str, ...]:
    """The names in policies.yaml, in its order."""
    return tuple(_read(NAMED))


def _find(policy: str) -> tuple[Mapping[str, Any], str]:
    named = _read(NAMED)
    if policy in named:
        return named[policy] or {}, f"policy {policy}"
    if Path(policy).is_file():
        return _read(Path(policy)), f"policy {policy}"
    raise ConfigError(f"augment.policy: {policy!r} is neither a file nor one of {', '.join(named)}")


def _read(path: Path) -> Mapping[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"policy {path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"policy {path}: expected keys such as 'operations:', got {type(tree).__name__}")
    return tree


def _check_chance(name: str, chance: Chance) -> None:
    from keras_cwp.augment.operations import OPERATIONS  # imports TensorFlow, which a policy's name does not need

    if name not in OPERATIONS:
        raise ValueError(f"unknown operation {name!r}; known: {', '.join(OPERATIONS)}")
    row = OPERATIONS[name]
    if row.law == "coin":
        if chance.range is not None:
            raise ValueError(f"operations.{name}: takes a probability only, got range {list(chance.range)}")
        return
    if chance.range is None:
        raise ValueError(f"operations.{name}: range: [low, high] is missing ({row.meaning})")
    low, high = chance.range
    if not row.least <= low <= high <= row.most:
        raise ValueError(
            f"operations.{name}: range [{low:g}, {high:g}] must be ordered and within "
            f"[{row.least:g}, {row.most:g}] ({row.meaning})"
        )
