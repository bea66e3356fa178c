"""predict --dicom-sr: its options, and what is checked before and written after the scoring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from keras_cwp.cli.options import PATH
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.prediction.sr_settings import SrConfig, load_sr_config
from keras_cwp.scores import Scores


def report_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --dicom-sr (parameter `reports`) and --sr-settings."""
    settings = click.option(
        "--sr-settings", type=PATH, help="YAML for them: statement, manufacturer, series_number, codes by class."
    )
    folder = click.option(
        "--dicom-sr", "reports", type=PATH, help="New folder for DICOM structured reports, one a study."
    )
    return folder(settings(function))


def check_report_options(reports: Path | None, sr_settings: Path | None) -> SrConfig:
    """The settings, once nothing stands against writing.

    Raises:
        CwpError: settings that are none, a folder that exists, or the extra `dicom` is not installed.
    """
    settings = load_sr_config(sr_settings)
    if reports:
        from keras_cwp.prediction.dicom_sr import check_reports

        check_reports(reports)
    elif sr_settings:
        raise click.UsageError("--sr-settings is for --dicom-sr")
    return settings


def write_and_tell(
    folder: Path,
    regions: Sequence[Roi],
    scores: Scores,
    parameters: Sequence[str],
    settings: SrConfig,
    sets: Mapping[str, float] | None = None,
    distance: np.ndarray | None = None,
) -> None:
    """`dicom_sr.write_reports`, and a line of what was written."""
    from keras_cwp.prediction.dicom_sr import write_reports

    def note(line: str) -> None:
        click.echo(f"note: {line}", err=True)

    written = write_reports(folder, regions, scores, parameters, settings, note, sets=sets, distance=distance)
    count = "1 region is" if written.without == 1 else f"{written.without} regions are"
    without = f"; {count} of no DICOM file and have no report" if written.without else ""
    click.echo(f"{folder}: {written.reports} structured report{'s' * (written.reports != 1)}{without}")
