"""keras-cwp prepare."""

from __future__ import annotations

from typing import Any

import click

from keras_cwp.cli.options import table_options


@click.command("prepare")
@click.option(
    "--rois", required=True, type=click.Path(), help="CSV, COCO, LabelMe, VOC, VIA or Label Studio; file or folder."
)
@click.option("--images", required=True, type=click.Path(), help="Folder of the radiographs.")
@click.option("--out", required=True, type=click.Path(), help="Folder to write the data set to.")
@click.option("--config", type=click.Path(), help="YAML configuration; its section `data` counts here.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One key, e.g. data.image_size=160.")
@table_options
@click.option("--workers", type=click.IntRange(min=1), help="Processes that decode and crop; all cores if not given.")
def command(
    rois: str,
    images: str,
    out: str,
    config: str | None,
    overrides: tuple[str, ...],
    workers: int | None,
    table: dict[str, Any],
) -> None:
    """Read radiographs and a ROI table, check everything, crop, and write a data set.

    A CSV table has the columns image, patient_id, label and may have x, y, width, height (pixels, 0-based,
    end-exclusive), roi_id and spacing_mm; any further column (sex, age, site) is kept for subgroups. COCO, LabelMe,
    Pascal VOC, VIA and Label Studio exports, folders of them, and a folder of class folders are read too. Where they
    name no patient, DICOM headers do, or --patients, or --patient-per-image.
    """
    from keras_cwp.cli.progress import progress_bar
    from keras_cwp.config import load_config
    from keras_cwp.data.prepare import prepare
    from keras_cwp.runtime import cores, keep_freed_memory

    settings = load_config(config, overrides).data
    keep_freed_memory()
    with progress_bar("radiographs") as progress:
        data = prepare(
            rois,
            images,
            out,
            settings,
            **table,
            workers=workers or cores(),
            note=lambda line: click.echo(f"note: {line}", err=True),
            progress=progress,
        )
    counts = data.meta["counts"]
    click.echo(
        f"{out}: {counts['rois']} ROIs on {counts['images']} radiographs of {counts['patients']} patients, "
        f"classes {', '.join(data.classes)}, {data.crop_size} px crops"
    )
