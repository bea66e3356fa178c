"""predict --dicom-sr: its options, and what is checked before and written after the scoring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_cwp.cli.options import PATH
from keras_cwp.prediction.sr_settings import SrConfig, load_sr_config
from keras_cwp.wording import plural

if TYPE_CHECKING:
    from keras_cwp.api.predictions import Predictions
    from keras_cwp.prediction.region_maps import RegionMaps


def report_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --dicom-sr (parameter `reports`) and --sr-settings."""
    settings = click.option(
        "--sr-settings",
        type=PATH,
        help="YAML for them: statement, manufacturer, series_number, codes by class, evidence.",
    )
    folder = click.option(
        "--dicom-sr",
        "reports",
        type=PATH,
        help="New folder for DICOM structured reports, one a study, with presentation states and heat maps.",
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


def write_and_tell(folder: Path, found: Predictions, settings: SrConfig, maps: RegionMaps | None) -> None:
    """`dicom_sr.write_reports`, and a line of what was written.

    Args:
        maps: heat maps for the images beside the reports; None where the model has none.
    """
    from keras_cwp.prediction.dicom_sr import write_reports

    def note(line: str) -> None:
        click.echo(f"note: {line}", err=True)

    written = write_reports(
        folder,
        found.regions,
        found.scores,
        [found.identity],
        settings,
        note,
        evidence=settings.evidence,
        pictures=maps.picture if maps else None,
        sets=found.sets,
        distance=found.distance,
    )
    count = "1 region is" if written.without == 1 else f"{written.without} regions are"
    without = f"; {count} of no DICOM file and have no report" if written.without else ""
    states = plural(written.states, "presentation state")
    captures = plural(written.captures, "image of heat maps", "images of heat maps")
    beside = f", {states}, {captures}" if settings.evidence else ""
    click.echo(f"{folder}: {plural(written.reports, 'structured report')}{beside}{without}")
