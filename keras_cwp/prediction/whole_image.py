"""Whole radiographs as regions: a network that was trained on small regions has never seen one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.errors import DataError
from keras_cwp.training.run import ModelContract


def check_whole_images(
    regions: Sequence[Roi], contract: ModelContract, stated: bool, note: Callable[[str], None] = lambda _: None
) -> None:
    """Refuse regions without a box for a model that was trained on regions alone.

    Args:
        stated: the user said that whole images are meant.
        note: gets a line where the model's contract does not say what it was trained on.

    Raises:
        DataError: there are some, and `stated` is False.
    """
    whole = [roi for roi in regions if roi.box is None]
    if stated or not whole:
        return
    images = "1 image has" if len(whole) == 1 else f"{len(whole)} images have"
    if contract.region_share is None:
        verb = "is" if len(whole) == 1 else "are"
        note(f"{images} no box and {verb} scored whole; the model does not say whether it was trained on such images")
    elif contract.of_regions:
        low, _, high = contract.region_share
        raise DataError(
            f"{images} no box, such as {whole[0].path}; the model was trained on regions of {low:.1%} to {high:.1%} of "
            "a radiograph, so its answer to a whole one means nothing. Name a ROI table with boxes. If the images are "
            "such regions already, say so by --whole-image (in Python: whole_image=True)"
        )
