"""keras-cwp predict."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_cwp.cli.options import PATH, Output, output_options, reading_options, whole_image_option
from keras_cwp.cli.reports import check_report_options, report_options, write_and_tell
from keras_cwp.cluster import cluster_address
from keras_cwp.prediction.is_table import is_scores_table
from keras_cwp.prediction.parquet import PARQUET, check_parquet, is_parquet
from keras_cwp.serving.client.address import is_address
from keras_cwp.wording import plural

if TYPE_CHECKING:
    from keras_cwp.api.predictions import Predictions
    from keras_cwp.api.regions import Asking
    from keras_cwp.prediction.region_maps import RegionMaps

    MapsOf = Callable[[Predictions], RegionMaps | None]


@click.command("predict")
@click.argument("model")
@click.argument("inputs", type=PATH, nargs=-1, metavar="INPUT...")
@click.option("--out", type=PATH, required=True, help="Table to write: CSV, or Parquet if the name ends in .parquet.")
@click.option("--parquet", is_flag=True, help="Write OUT with the ending .parquet too (extra: cluster).")
@click.option("--cluster", metavar="ray[:ADDRESS]", help="Score on a Ray cluster (extra: cluster).")
@click.option("--rois", type=PATH, help="ROI table, when it is not an INPUT.")
@click.option("--images", type=PATH, help="Folder of the ROI table's images (default: where the table lies).")
@click.option(
    "--tta", "views", type=click.IntRange(1, 64), help="Number of augmented views to average (default: as in the run)."
)
@click.option(
    "--requests",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Requests at a time, when MODEL is a server.",
)
@click.option("--token-file", type=PATH, help="File with the bearer token that the server asks for.")
@click.option("--tls-ca", type=PATH, help="Certificates to trust, PEM (default: those of the system).")
@whole_image_option
@reading_options
@report_options
@output_options
def command(
    model: str,
    inputs: tuple[Path, ...],
    out: Path,
    parquet: bool,
    cluster: str | None,
    rois: Path | None,
    images: Path | None,
    views: int | None,
    requests: int,
    token_file: Path | None,
    tls_ca: Path | None,
    whole_image: bool,
    table: dict[str, Any],
    reports: Path | None,
    sr_settings: Path | None,
    output: Output,
) -> None:
    """Score radiographs with MODEL: a RUN, a .keras file, an exported version, or a server of one.

    A server is http://HOST:8501/v1/models/NAME or grpc://HOST:8500/NAME (https, grpcs), with /versions/N or /labels/L
    to choose a version. Scores are kept in OUT.part until all regions are scored, so the same command goes on
    after an interruption.

    INPUT is an image (a PNG, JPEG, TIFF or DICOM file), a folder of them, or a ROI table; its labels and patients may
    be missing. An image without a box is one region from edge to edge. A model that was trained on smaller regions
    refuses it unless --whole-image is given. The CSV has your names of images, regions and patients. An image that
    cannot be read is named on stderr and left out, as are wrong lines of a table with --skip-bad; the exit code is 1
    then.

    With --cluster, Ray scores blocks of regions on an actor a core, or a GPU where the cluster has GPUs; MODEL and the
    radiographs are at the same paths on each node. Scores are kept in OUT.blocks until all regions are scored, so
    the same command goes on after an interruption.

    A structured report (TID 1500) has a measurement group for every region: its box in pixels, the likeliest class
    as finding, every class's probability, and that it is not for clinical use. Beside it stand a presentation state
    for each radiograph, with boxes and labels, and, where MODEL is a RUN or a .keras file, an image of its heat maps.
    All of them belong to the radiograph's study and so name the patient, as the radiograph does.
    """
    if not inputs and rois is None:
        raise click.UsageError(f"name at least one INPUT, or --rois; {model} is taken for MODEL")
    settings = check_report_options(reports, sr_settings)
    served = is_address(model)
    _check_tables(out, parquet, served)
    _keep_what_is_there(out, [*inputs, *filter(None, [rois])])
    asking: Asking = {"rois": rois, "images": images, "whole_image": whole_image, "table": table}
    asking |= {"refuse": output.left_out, "console": output.console}
    if served:
        _only_here({"--tta": views, "--cluster": cluster})
        found, maps_of = _asked(model, inputs, out, asking, token_file=token_file, tls_ca=tls_ca, requests=requests)
    else:
        found, maps_of = _scored(model, inputs, out, asking, views, cluster)
    if parquet:
        found.to_parquet(out.with_suffix(PARQUET))
    _show(found, out, output)
    if reports:
        write_and_tell(reports, found, settings, maps_of(found) if settings.evidence else None)
    sys.exit(1 if found.lost else 0)


def _only_here(options: Mapping[str, Any]) -> None:
    """Refuse options that a server does not have."""
    for name, value in options.items():
        if value is not None:
            raise click.UsageError(f"{name} is for models that run here, not on a server")


def _asked(model: str, inputs: Sequence[Path], out: Path, asking: Asking, **how: Any) -> tuple[Predictions, MapsOf]:
    """What a server answers; it gives no heat maps."""
    from keras_cwp.api.remote import RemoteModel

    return RemoteModel(model, **how).score(inputs, out, **asking), lambda _: None


def _scored(
    model: str, inputs: Sequence[Path], out: Path, asking: Asking, views: int | None, cluster: str | None
) -> tuple[Predictions, MapsOf]:
    """What a model on this machine, or on a cluster, answers; its table is written."""
    if cluster is not None:
        cluster_address(cluster, "--cluster")
    from keras_cwp.api.model import Model

    opened = Model(model)
    if cluster is not None:
        return opened.score_on_cluster(cluster, inputs, out, views=views, **asking), opened.region_maps
    found = opened.score(inputs, views=views, **asking)
    found.write(out)
    return found, opened.region_maps


def _check_tables(out: Path, parquet: bool, served: bool) -> None:
    """Refuse before anything is scored what could not be written."""
    if is_parquet(out) and (served or parquet):
        beside = "leave --parquet out" if parquet else "a server's answers are written as CSV; add --parquet"
        raise click.UsageError(f"--out {out} ends in {PARQUET}: {beside}")
    if parquet or is_parquet(out):
        check_parquet("--parquet" if parquet else f"--out {out}")


def _keep_what_is_there(out: Path, inputs: Sequence[Path]) -> None:
    """Refuse to write over an input, or over a file that this command did not write."""
    if not out.exists():
        return
    if any(each.exists() and out.samefile(each) for each in inputs):
        raise click.UsageError(f"--out {out}: it is an INPUT, and would be overwritten; name another file")
    if not out.is_file() or not is_scores_table(out):
        raise click.UsageError(f"--out {out}: exists, and is no table of predict; name another file or remove it")


def _show(found: Predictions, out: Path, output: Output) -> None:
    left_out = f", {found.lost} left out" if found.lost else ""
    output.result(
        f"{out}: {plural(len(found.scores), 'region')} scored{left_out} ({found.engine})",
        {"out": str(out), "regions": len(found.scores), "left_out": found.lost, "engine": found.engine},
    )
