"""Scores of the regions that the user names, from every kind of model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.radiographs.notes import lines_of
from keras_cwp.errors import DataError
from keras_cwp.prediction.blocks import Outcome, blocks_of, score_block
from keras_cwp.prediction.predictor import Predictor
from keras_cwp.prediction.scored import scores_of
from keras_cwp.prediction.whole_image import check_whole_images
from keras_cwp.scores import Scores

Refuse = Callable[[DataError, int], None]
Progress = Callable[[int, int], None]
# Scores blocks: (predictor, blocks, views, refuse, progress) → the number and outcome of each, in any order.
RunBlocks = Callable[[Predictor, Sequence[list[Roi]], "int | None", Refuse, Progress], Iterator[tuple[int, Outcome]]]


def in_this_process(
    predictor: Predictor, blocks: Sequence[list[Roi]], views: int | None, refuse: Refuse, progress: Progress
) -> Iterator[tuple[int, Outcome]]:
    """Score one block after the other; see `RunBlocks`, and `cluster.OnCluster` for another way."""
    done, total = 0, sum(map(len, blocks))
    for number, block in enumerate(blocks):
        before = done
        yield number, score_block(predictor, block, views, refuse, lambda own, _: progress(before + own, total))  # noqa: B023
        done += len(block)


def predict(
    predictor: Predictor,
    regions: list[Roi],
    *,
    views: int | None = None,
    whole_image: bool = False,
    note: Callable[[str], None] = lambda _: None,
    refuse: Refuse,
    progress: Progress = lambda *_: None,
    run_blocks: RunBlocks = in_this_process,
) -> tuple[Scores, np.ndarray | None]:
    """Scores of regions, in their order but grouped by radiograph, under the names that the user gave.

    Args:
        views: of test-time augmentation; 1: the crop as it is; None: as the model's figures were obtained.
        whole_image: see `whole_image.check_whole_images`.
        note: gets a line on whole images, and one for each oddity of the radiographs.
        refuse: gets the error and the number of regions lost to it.
        progress: gets regions done and in all.
        run_blocks: scores the blocks; the numbers are the same wherever they are scored.

    Returns:
        One row a region that could be used; a label that is not the model's is UNKNOWN_LABEL. And the distance of each
        from the training data, float64 [rows], above 1 where it is unlike them; None where it is not known.

    Raises:
        DataError: images without a box for a model of regions; see `whole_image`.
        CwpError: the model's answer is not finite.
    """
    check_whole_images(regions, predictor.contract, whole_image, note)
    blocks = blocks_of(regions)
    found = dict(run_blocks(predictor, blocks, views, refuse, progress))
    outcomes = [found[number] for number in range(len(blocks))]
    said = {name: lines for outcome in outcomes for name, lines in outcome.said.items()}
    for line in lines_of(said):
        note(line)
    kept = [block[place] for block, outcome in zip(blocks, outcomes, strict=True) for place in outcome.kept.tolist()]
    probabilities = np.concatenate([outcome.probabilities for outcome in outcomes])
    known = [outcome.distance for outcome in outcomes if outcome.distance is not None]
    return scores_of(kept, predictor.contract.classes, probabilities), np.concatenate(known) if known else None
