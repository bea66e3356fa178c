"""The configuration: frozen sections, one a stage. The only home of defaults."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field

from keras_cwp.errors import ConfigError
from keras_cwp.schema import RETIRED, Section, is_section, validated
from keras_cwp.settings_file import as_values, find_settings, lay_over, parse_overrides, read_yaml
from keras_cwp.staging_section import StagingConfig
from keras_cwp.train_section import TrainConfig


class DataConfig(Section):
    """How radiographs and boxes become crops."""

    classes: tuple[str, ...] | None = Field(None, description="order of the classes; none: the labels found, sorted")
    ordinal: tuple[str, ...] | None = Field(
        None, description="all classes from least to most disease, where they have such an order; none: they have none"
    )
    ties: str | None = Field(
        None,
        description="several readers without a majority: leave_out, worse (by data.ordinal), or the name of the reader "
        "who decides; none: ask",
    )
    reference: str | None = Field(
        None, description="reader, such as CT, whose label is the truth; none: the label that most readers gave"
    )
    image_size: Annotated[int, Field(ge=32, le=1024)] | Literal["auto"] = Field(
        224, description="side of the network's input, pixels; auto: so that an opacity of 1.5 mm keeps 4 pixels"
    )
    context: float = Field(
        0.25, ge=0, le=1, description="margin kept on each side of a box for augmentation, share of its side"
    )
    square: Literal["pad", "stretch"] = Field(
        "pad", description="pad: a box grows into its surroundings to a square; stretch: it is distorted into one"
    )
    spacing_mm: float | None = Field(
        None, gt=0, description="resample every radiograph to this pixel spacing first; none: keep its own"
    )
    max_pixels: int = Field(  # twice the largest detector; a file that claims more is a mistake or an attack
        100_000_000, ge=1, description="a larger radiograph is refused, pixels"
    )
    voi: Literal["apply", "ignore"] = Field(
        "apply", description="DICOM's VOI LUT or window: ignore for exports whose pixels went through it already"
    )
    window: int = Field(0, ge=0, description="which of several DICOM windows or VOI LUTs, from 0")
    lateral: bool = Field(False, description="accept DICOM radiographs whose ViewPosition is lateral")
    link_duplicates: bool = Field(
        False, description="patients who share a radiograph or a crop count as one, so that no split parts the copies"
    )

    @property
    def side_px(self) -> int:
        """`image_size` of a data set, where `auto` was replaced by the side that was found."""
        assert isinstance(self.image_size, int)
        return self.image_size


class SplitConfig(Section):
    """How patients are divided."""

    validation: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="share of patients that choose the thresholds; the epoch too, with train.early_stopping",
    )
    test: float = Field(0.15, gt=0, lt=0.5, description="share of patients held out by fit")
    by: Literal["patient", "site"] = Field("patient", description="what cv holds out: patients in folds, or each site")
    folds: int = Field(5, ge=2, description="folds of cv by patient")
    repeats: int = Field(1, ge=1, description="times that cv is repeated with other folds")
    inner: int | None = Field(
        None, ge=2, description="nested cv: folds within a fold's training patients that choose; none: `validation`"
    )


class ModelConfig(Section):
    """Which network."""

    arch: str = Field("shufflenet_v2_x0_5", description="network; keras-cwp summary lists them")
    eca: Literal["none", "unit", "every_conv", "stem_head"] = Field(
        "unit", description="where channel attention (ECA) stands: nowhere, at the end of each unit, …"
    )
    eca_gamma: float = Field(2.0, gt=0, description="gamma of the ECA paper's kernel rule")
    eca_b: float = Field(1.0, description="b of the ECA paper's kernel rule")
    dropout: float = Field(
        0.2, ge=0, lt=1, description="share of the features set to zero before the head, in training"
    )
    weights: str | None = Field(
        None, description="imagenet, cxr, or a path: .pth, .safetensors, .weights.h5, .keras, or a RUN with one"
    )


class AugmentConfig(Section):
    """What training images go through; never validation, test or export."""

    policy: str = Field(
        "paper",
        description="none, light, paper, paper_mix, paper_mix_opacities, strong, strong_mix, randaugment, or a path to "
        "a YAML policy",
    )
    where: Literal["device", "pipeline"] = Field("device", description="in the training step, or in tf.data")
    ramp_epochs: int = Field(0, ge=0, description="epochs over which the magnitude grows to its full value")


class EvaluateConfig(Section):
    """How figures are made."""

    bootstraps: int = Field(2000, ge=100, description="resamples of patients behind the intervals")
    interval: Literal["score", "percentile", "bca"] = Field(
        "score", description="how intervals are made: score (from the variance over patients), percentile or bca"
    )
    calibration_bins: int = Field(10, ge=2, description="points of the calibration curve")
    threshold: Literal["youden", "sensitivity", "specificity", "cost"] = Field(
        "youden", description="rule that picks operating points on validation scores"
    )
    threshold_target: float = Field(
        0.9, gt=0, lt=1, description="sensitivity or specificity to reach, for the rules of these names"
    )
    false_negative_cost: float = Field(1.0, gt=0, description="false alarms that a miss is worth, for the rule cost")
    threshold_confidence: float | None = Field(
        None,
        ge=0.5,
        lt=1,
        description="for the rules sensitivity and specificity: confidence that the target is reached; none: "
        "validation's own value reaches it",
    )
    patient_rule: Literal["mean_logit", "mean", "max", "noisy_or"] = Field(
        "mean_logit",
        description="how a patient's ROIs become one probability; max and noisy_or rise with the number of ROIs",
    )
    normal: str | None = Field(
        None, description="class without disease; none: the first of data.ordinal, or a class called normal"
    )
    prevalence: dict[str, float] = Field(
        {}, description="class → its share where the model is to be used; predictive values are given for it too"
    )
    coverage: float = Field(0.9, ge=0.5, lt=1, description="share of a class's ROIs whose conformal set is to hold it")
    margin: float | None = Field(
        None, gt=0, lt=0.5, description="compare: loss of AUC that still counts as not inferior; none: not asked"
    )
    staging: StagingConfig = StagingConfig()
    tta: int = Field(1, ge=1, le=64, description="views of a crop whose probabilities are averaged; 1: the crop alone")
    examples: int = Field(4, ge=0, le=24, description="ROIs shown per kind of example in the report")


class SearchConfig(Section):
    """What a search tries in the inner folds of nested cross-validation."""

    # a file's values are text, and a mapping's are not; a RUN is to hold the same for both
    space: Annotated[dict[str, Any], AfterValidator(as_values)] = Field(
        {}, description="section.key → a list of choices, {range: [low, high]} or {log: [low, high]}; none: no search"
    )
    trials: int = Field(20, ge=1, description="configurations that a search tries in each outer fold")


class Config(Section):
    """Everything that a run is decided by."""

    seed: int = Field(0, ge=0, le=2**31 - 1, description="of the split, the first weights, order and augmentation")
    data: DataConfig = DataConfig()
    split: SplitConfig = SplitConfig()
    model: ModelConfig = ModelConfig()
    augment: AugmentConfig = AugmentConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    search: SearchConfig = SearchConfig()
    candidates: dict[str, dict[str, dict[str, Any]]] = Field(
        {}, description="nested cv chooses among these: name → what differs in the sections model, augment, train"
    )


def load_config(
    source: Path | str | Mapping[str, Any] | Config | None = None,
    overrides: Iterable[str] | Mapping[str, Any] = (),
) -> Config:
    """Read a configuration and lay single keys over it.

    Args:
        source: a YAML file, the name of a packaged one (`default`), a tree, or a configuration; None for the
            defaults alone.
        overrides: `section.key=value` as on the command line, where the value is read as YAML, or a mapping of
            `section.key` to a value.

    Raises:
        ConfigError: no such file or name, not YAML, an unknown key, a value of the wrong type or range.
    """
    where = "configuration"
    if isinstance(source, Config):
        tree = source.model_dump(exclude_unset=True)
    elif isinstance(source, Mapping):
        tree = copy.deepcopy(dict(source))
    else:
        tree = {} if source is None else read_yaml(find_settings(source))
        where = f"configuration {source}" if source else where
    if not isinstance(overrides, Mapping):
        overrides = parse_overrides(overrides)
    for name, value in overrides.items():
        lay_over(tree, name, value)
    return validated(Config, tree, where)


def dotted_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by `section.key`; a key without its section, such as `epochs`, gets it.

    Raises:
        ConfigError: a key without its section that no section has; `load_config` checks those with a section.
    """
    sections = {key: f"{section}.{key}" for section, keys in _sections().items() for key in keys}
    known = sections | {"seed": "seed"}
    found = {}
    for name, value in settings.items():
        if "." not in name and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"setting {name!r}: no such key; {hint}")
        found[name if "." in name else known[name]] = value
    return found


def _sections() -> dict[str, list[str]]:
    return {
        name: list(field.annotation.model_fields)
        for name, field in Config.model_fields.items()
        if is_section(field.annotation)
    }


def read_stored_config(path: Path) -> Config:
    """The configuration that a RUN folder keeps; keys that have been retired since are left out.

    Raises:
        ConfigError: as `load_config`.
    """
    tree = read_yaml(path)
    for name in RETIRED:
        section, key = name.split(".")
        if isinstance(tree.get(section), dict):
            tree[section].pop(key, None)
    return validated(Config, tree, f"configuration {path}")


def dump_config(config: Config) -> str:
    """The whole configuration as YAML, defaults included: what a RUN folder keeps."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
