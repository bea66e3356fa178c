"""Scores of the regions that the user names, from every kind of model."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.crops import margin_px
from keras_cwp.errors import DataError
from keras_cwp.prediction.predictor import Predictor, check_probabilities
from keras_cwp.prediction.regions import cut_regions
from keras_cwp.prediction.scored import scores_of
from keras_cwp.prediction.views import mean_of_views
from keras_cwp.prediction.whole_image import check_whole_images
from keras_cwp.scores import Scores

_BATCH = 32


def predict(
    predictor: Predictor,
    regions: list[Roi],
    *,
    views: int | None = None,
    whole_image: bool = False,
    note: Callable[[str], None] = lambda _: None,
    refuse: Callable[[DataError, int], None],
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[Scores, np.ndarray | None]:
    """Scores of regions, in their order but grouped by radiograph, under the names that the user gave.

    Args:
        views: of test-time augmentation; 1: the crop as it is; None: as the model's figures were obtained.
        whole_image: see `whole_image.check_whole_images`.
        note: gets a line on whole images, and one for each oddity of the radiographs.
        refuse, progress: see `regions.cut_regions`.

    Returns:
        One row a region that could be used; a label that is not the model's is UNKNOWN_LABEL. And the distance of each
        from the training data, float64 [rows], above 1 where it is unlike them; None where it is not known.

    Raises:
        DataError: images without a box for a model of regions; see `whole_image`.
        CwpError: the model's answer is not finite.
    """
    contract = predictor.contract
    check_whole_images(regions, contract, whole_image, note)
    margin = margin_px(contract.image_size, contract.context)
    inner = slice(margin, margin + contract.image_size)
    crops = cut_regions(regions, contract, refuse, progress, note)
    kept: list[Roi] = []
    distances: list[np.ndarray | None] = []
    answers = [np.zeros((0, len(contract.classes)))]
    while some := list(islice(crops, _BATCH)):
        kept += [roi for roi, _ in some]
        batch = np.stack([crop for _, crop in some])
        answers.append(of_crops(predictor, batch, views))
        distances.append(predictor.judging.distance(batch[:, inner, inner]))
    known = [each for each in distances if each is not None]
    distance = np.concatenate(known) if known else None
    return scores_of(kept, contract.classes, np.concatenate(answers)), distance


def of_crops(predictor: Predictor, crops: np.ndarray, views: int | None = None) -> np.ndarray:
    """Probabilities of crops that `regions.cut` made.

    Args:
        crops: float32 [B, image_size + 2 margin, …, 1] in [0, 1].
        views: see `predict`.

    Returns:
        float64 [B, classes]; each row sums to 1.

    Raises:
        CwpError: the model's answer is not finite.
    """
    contract = predictor.contract
    size, margin = contract.image_size, margin_px(contract.image_size, contract.context)
    return check_probabilities(_of_views(predictor, crops, margin, size, views or contract.views))


def _of_views(predictor: Predictor, crops: np.ndarray, margin: int, size: int, views: int) -> np.ndarray:
    if views - 1 <= len(predictor.views):
        return mean_of_views(predictor.ask, crops, predictor.views[: views - 1], size, margin)
    from keras_cwp.augment.layer import load_policy
    from keras_cwp.augment.tta import VIEWS_POLICY, mean_probabilities

    return mean_probabilities(predictor.ask, crops, load_policy(VIEWS_POLICY), size, margin, views)
