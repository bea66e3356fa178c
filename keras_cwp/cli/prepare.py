"""keras-cwp prepare."""

from __future__ import annotations

from typing import Any

import click

from keras_cwp.cli.options import Output, config_option, output_options, set_option, settings_of, table_options


@click.command("prepare")
@click.option(
    "--rois",
    required=True,
    multiple=True,
    type=click.Path(),
    help="CSV, COCO, LabelMe, VOC, YOLO, VIA or Label Studio; file or folder. Repeat it for several readers.",
)
@click.option("--images", required=True, type=click.Path(), help="Folder of the radiographs.")
@click.option("--out", required=True, type=click.Path(), help="Folder to write the data set to.")
@config_option
@set_option
@table_options
@click.option("--workers", type=click.IntRange(min=1), help="Processes that decode and crop (default: one a core).")
@click.option("--cluster", metavar="ray[:ADDRESS]", help="Decode and crop on a Ray cluster (extra: cluster).")
@output_options
def command(
    rois: tuple[str, ...],
    images: str,
    out: str,
    config: str | None,
    overrides: tuple[str, ...],
    workers: int | None,
    cluster: str | None,
    table: dict[str, Any],
    output: Output,
) -> None:
    """Read radiographs and a ROI table, check everything, crop, and write a data set.

    A CSV table has the columns image, patient_id, label and may have x, y, width, height (pixels, 0-based,
    end-exclusive), roi_id and spacing_mm; any further column (sex, age, site) is kept for subgroups. COCO, LabelMe,
    Pascal VOC, YOLO, VIA and Label Studio exports, folders of them, and a folder of class folders are read too. Where
    they name no patient, DICOM headers do, or --patients, or --patient-per-image.

    Several readers: a column reader, or one --rois a reader. What they marked alike is one ROI; its label is the
    majority's (data.ties, data.reference), and each reader's own label is kept.
    """
    from keras_cwp.api.data import prepare
    from keras_cwp.cluster import cluster_address
    from keras_cwp.errors import CwpError
    from keras_cwp.runtime import cores, keep_freed_memory
    from keras_cwp.wording import plural

    if cluster is not None:
        cluster_address(cluster, "--cluster")
        if workers is not None:
            raise CwpError(f"--workers {workers} is for this machine; on a cluster an actor works on each core")
    settings = settings_of(config, overrides, {})
    keep_freed_memory()
    data = prepare(
        rois[0] if len(rois) == 1 else rois,
        images,
        out,
        table=table,
        workers=workers or cores(),
        cluster=cluster,
        console=output.console,
        **settings,
    )
    counts = data.meta["counts"]
    by_class = counts["classes"].items()
    rois_of = {name: f"{plural(n['rois'], 'ROI')} of {plural(n['patients'], 'patient')}" for name, n in by_class}
    around = f" with {data.margin} px of context on each side" if data.margin else ""
    output.result(
        f"{out}: {plural(counts['rois'], 'ROI')} on {plural(counts['images'], 'radiograph')} of "
        f"{plural(counts['patients'], 'patient')}; "
        f"{', '.join(f'{name} ({said})' for name, said in rois_of.items())}; {data.image_size} px crops{around}",
        {"data": str(out), "counts": counts, "classes": list(data.classes), "image_size": data.image_size},
    )
    whole = all(count["rois"] for count in counts["classes"].values())
    trained = f"keras-cwp fit --data {out} --out runs/first --config default"
    judged = f"keras-cwp evaluate RUN --data {out}"  # without a class, nothing can be trained on it
    output.next(f"keras-cwp audit {out}, then {trained if whole else judged}")
