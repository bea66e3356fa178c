"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_cwp.errors import CwpError, DataError

if TYPE_CHECKING:
    from keras_cwp.config import Config
    from keras_cwp.data.manifest import PreparedData

PATH = click.Path(path_type=Path)

config_option = click.option("--config", "config_path", type=PATH, help="YAML configuration; see configs/.")
set_option = click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Such as train.epochs=5.")
images_option = click.option("--images", type=PATH, help="Folder of the radiographs, when --data is a ROI table.")
patient_per_image_option = click.option(
    "--patient-per-image", is_flag=True, help="The ROI table names no patient; each image is one."
)


def training_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of fit and cv: --data, --images, --patient-per-image, --out, --config, --set."""
    data = click.option("--data", type=PATH, required=True, help="Prepared data set, or a ROI table with --images.")
    out = click.option("--out", type=PATH, required=True, help="RUN folder to write.")
    for option in (set_option, config_option, out, patient_per_image_option, images_option, data):
        function = option(function)
    return function


def open_data(data: Path, images: Path | None, patient_per_image: bool, config: Config) -> PreparedData:
    """A prepared data set, or a ROI table prepared into the cache.

    Raises:
        CwpError: neither, or one whose crops were made by another `data` section than the configuration's.
    """
    from keras_cwp.data.manifest import PreparedData

    if not data.exists():
        raise DataError(f"--data {data}: no such file or folder")
    if data.is_dir() and images is None:
        return PreparedData.open(data)
    if images is None:
        raise CwpError(f"--data {data}: a ROI table needs --images, the folder of its radiographs")
    from keras_cwp.data.prepare import prepare_cached

    return prepare_cached(data, images, config.data, patient_per_image=patient_per_image)
