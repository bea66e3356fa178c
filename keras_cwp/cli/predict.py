"""keras-cwp predict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_cwp.cli.options import PATH, whole_image_option
from keras_cwp.cli.reports import check_report_options, report_options, write_and_tell
from keras_cwp.errors import CwpError, DataError

if TYPE_CHECKING:
    from keras_cwp.data.annotations.roi import Roi
    from keras_cwp.scores import Scores


@click.command("predict")
@click.argument("model")
@click.argument("inputs", type=PATH, nargs=-1, metavar="INPUT...")
@click.option("--out", type=PATH, required=True, help="CSV to write.")
@click.option("--rois", type=PATH, help="ROI table, when it is not an INPUT.")
@click.option("--images", type=PATH, help="Folder of the ROI table's images; where the table lies if left out.")
@click.option(
    "--tta", "views", type=click.IntRange(1, 64), help="Number of augmented views to average (default: as in the run)."
)
@click.option(
    "--requests", type=click.IntRange(1, 64), default=4, show_default=True, help="At once, when MODEL is a server."
)
@click.option("--token-file", type=PATH, help="File with the bearer token that the server asks for.")
@click.option("--tls-ca", type=PATH, help="Certificates to trust, PEM, when the server's is not the system's to know.")
@whole_image_option
@report_options
def command(
    model: str,
    inputs: tuple[Path, ...],
    out: Path,
    rois: Path | None,
    images: Path | None,
    views: int | None,
    requests: int,
    token_file: Path | None,
    tls_ca: Path | None,
    whole_image: bool,
    reports: Path | None,
    sr_settings: Path | None,
) -> None:
    """Score radiographs with MODEL: a RUN, a .keras file, an exported version, or a server of one.

    A server is http://HOST:8501/v1/models/NAME or grpc://HOST:8500/NAME (https, grpcs), with /versions/N or /labels/L
    to choose one of its versions. What it scored is kept in OUT.part until all is, so the same command goes on after an
    interruption.

    INPUT is an image (a PNG, JPEG, TIFF or DICOM file), a folder of them, or a ROI table; its labels and patients may
    be missing. An image without a box is one region from edge to edge. A model that was trained on smaller regions
    refuses it unless --whole-image states that it is meant. The CSV has your own names. What cannot be read is named
    on stderr and left out; the exit code is 1 then.

    A structured report (TID 1500) has a measurement group for every region: its box in pixels, the likeliest class
    as finding, every class's probability, and that it is not for clinical use. It belongs to its radiograph's study
    and so names the patient, as the radiograph does.
    """
    from keras_cwp.cli.predict_remote import predict_remote
    from keras_cwp.serving.client.address import is_address

    if not inputs and rois is None:
        raise click.UsageError("name at least one INPUT, or --rois")
    settings = check_report_options(reports, sr_settings)
    if is_address(model):
        if views is not None:
            raise click.UsageError("--tta is for models that run here, not on a server")
        remote = predict_remote(model, list(inputs), out, rois, images, requests, token_file, tls_ca, whole_image)
        if reports:
            write_and_tell(reports, remote.regions, remote.scores, [remote.identity], settings)
        sys.exit(1 if remote.lost else 0)
    regions, scores, identity, lost = _predict_here(Path(model), list(inputs), out, rois, images, views, whole_image)
    if reports:
        write_and_tell(reports, regions, scores, [identity], settings)
    sys.exit(1 if lost else 0)


def _predict_here(
    model: Path,
    inputs: list[Path],
    out: Path,
    rois: Path | None,
    images: Path | None,
    views: int | None,
    whole_image: bool,
) -> tuple[list[Roi], Scores, str, int]:
    """Score in this process and write the CSV; regions, their scores, the model's identity, how many were left out."""
    from keras_cwp.cli.progress import progress_bar
    from keras_cwp.prediction.decided import write_decided
    from keras_cwp.prediction.predict import predict
    from keras_cwp.prediction.predictor import open_predictor
    from keras_cwp.prediction.regions import find_regions

    lost: list[int] = []

    def refuse(error: DataError, rows: int) -> None:
        lost.append(rows)
        click.echo(f"keras-cwp: left out: {' '.join(str(error).split())}", err=True)

    def note(line: str) -> None:
        click.echo(f"note: {line}", err=True)

    regions = find_regions(inputs, rois, images, refuse, note)
    predictor = open_predictor(model)
    with progress_bar("regions") as progress:
        scores = predict(
            predictor, regions, views=views, whole_image=whole_image, note=note, refuse=refuse, progress=progress
        )
    if not len(scores):
        raise CwpError(f"none of {len(regions)} regions could be scored; {out} was not written")
    write_decided(out, scores, predictor.thresholds)
    left_out = f", {sum(lost)} left out" if lost else ""
    click.echo(f"{out}: {len(scores)} regions scored{left_out} ({predictor.engine})")
    return regions, scores, f"training data {predictor.contract.data_hash[:16]}", sum(lost)
