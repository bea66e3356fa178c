"""Score regions with an opened model, here or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from keras_cwp.api.predictions import Predictions
from keras_cwp.api.progress import progress_bar
from keras_cwp.api.regions import Asking, Inputs, regions_of
from keras_cwp.errors import CwpError
from keras_cwp.wording import plural

if TYPE_CHECKING:
    from keras_cwp.prediction.predict import RunBlocks
    from keras_cwp.prediction.predictor import Predictor


class NothingScoredError(CwpError):
    """No region could be scored, so there is no table and nothing to go on with."""


def score(
    opened: Callable[[], Predictor],
    inputs: Inputs,
    views: int | None,
    asking: Asking,
    run_blocks: RunBlocks | None = None,
) -> Predictions:
    """See `Model.score`.

    Args:
        opened: gives the model; called once the regions are found, for opening takes seconds.
        run_blocks: scores blocks of regions; None: in this process.
    """
    regions, lost, note = regions_of(inputs, asking)
    predictor = opened()
    from keras_cwp.prediction.predict import in_this_process, predict

    with progress_bar(asking.get("console"), "regions") as progress:
        scores, distance = predict(
            predictor,
            regions,
            views=views,
            whole_image=asking.get("whole_image", False),
            note=note,
            refuse=lost,
            progress=progress,
            run_blocks=run_blocks or in_this_process,
        )
    if not len(scores):
        raise NothingScoredError(f"none of {plural(len(regions), 'region')} could be scored; nothing was written")
    identity = f"training data {predictor.contract.data_hash[:16]}"
    return Predictions(
        regions,
        scores,
        lost.count,
        identity,
        predictor.engine,
        predictor.thresholds,
        predictor.judging.sets,
        distance,
    )


def score_on_cluster(
    opened: Callable[[], Predictor],
    model: Path,
    fold: int | None,
    cluster: str,
    inputs: Inputs,
    out: Path,
    views: int | None,
    asking: Asking,
) -> Predictions:
    """See `Model.score_on_cluster`.

    Args:
        opened: see `score`.
        model, fold: what each actor opens.
    """
    from keras_cwp.cluster import cluster_address, import_ray_data
    from keras_cwp.files import locked_folder
    from keras_cwp.prediction.kept_blocks import remove_blocks
    from keras_cwp.prediction.on_cluster import OnCluster

    address = cluster_address(cluster)
    import_ray_data()
    keep = Path(f"{out}.blocks").absolute()
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES") != "-1"
    with locked_folder(keep):
        on_cluster = OnCluster(model.absolute(), fold, address, keep, gpus)
        try:
            found = score(opened, inputs, views, asking, on_cluster)
        except NothingScoredError:
            remove_blocks(keep)
            raise
        found.write(out)
        remove_blocks(keep)
    return found
