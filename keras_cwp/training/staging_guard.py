"""Refuse a training whose patients are to be staged and cannot be, before hours are spent on it."""

from __future__ import annotations

from keras_cwp.config import Config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.zones import zone_column, zones_of
from keras_cwp.errors import ConfigError, DataError
from keras_cwp.evaluation.profusion import profusions_of

_OFF = "or set evaluate.staging.rule=none"


def check_staging(data: PreparedData, config: Config) -> None:
    """Check classes and zones where stages are asked for, or where names alone would make them.

    Raises:
        ConfigError: evaluate.staging is stated, and a class is no profusion or the ROI table has no zones.
        DataError: a zone with a strange name.
    """
    staging, order, column = config.evaluate.staging, config.data.ordinal, zone_column(data.manifest)
    if staging.rule == "none" or not (staging.stated or (order is not None and column is not None)):
        return
    try:
        profusions_of(data.classes, staging, order)
    except ConfigError:
        if staging.stated:
            raise
        return  # classes that are no profusions: the report says why there are no stages
    if column is None:
        raise ConfigError(
            f"evaluate.staging is given, but {data.path} has no zones; prepare it from a ROI table with a column zone, "
            f"{_OFF}"
        )
    try:
        zones_of(data.manifest.texts(column))
    except DataError as error:
        raise DataError(
            f"{data.path}, column {column}: {error}; correct the ROI table and prepare it again, {_OFF}"
        ) from None
