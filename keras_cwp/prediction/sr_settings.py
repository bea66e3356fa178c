"""Settings of the DICOM structured reports that predict writes."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from keras_cwp.schema import Section, validated
from keras_cwp.settings_file import read_yaml


class SrCode(Section):
    """A code of a coding scheme, as DICOM has it."""

    value: str = Field(min_length=1, max_length=16)
    scheme: str = Field(min_length=1, max_length=16, description="SCT, DCM, RADLEX or a private one that begins 99")
    meaning: str = Field(min_length=1, max_length=64)


class SrConfig(Section):
    """What predict --dicom-sr writes besides what the network said; a file of its own, not part of a run's."""

    statement: str = Field(
        "Research only, not for clinical use.", min_length=1, max_length=64, description="stands in every report"
    )
    manufacturer: str = Field("keras_cwp", min_length=1, max_length=64, description="of the software that writes it")
    series_number: int = Field(9001, ge=1, description="of the report's series in its study")
    evidence: bool = Field(True, description="presentation states and images of heat maps beside the report")
    codes: dict[str, SrCode] = Field({}, description="by class; none: SCT for normal, else a private code")


def load_sr_config(path: Path | None = None) -> SrConfig:
    """Read a YAML file of `SrConfig`'s keys; None for the defaults.

    Raises:
        ConfigError: as `config.load_config`.
    """
    tree = {} if path is None else read_yaml(path)
    return validated(SrConfig, tree, f"configuration {path}" if path else "configuration")
