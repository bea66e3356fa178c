"""The ROIs of a run that its page shows: a few beside their heat maps, and up to MOST_CASES to look through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keras_cwp.data.prepared import PreparedData
from keras_cwp.report.cases import MOST_CASES, Cases, Film, choose_cases
from keras_cwp.report.examples import Choice, Example, choose_examples
from keras_cwp.report.run_maps import Mapped, map_rows
from keras_cwp.report.subgroup_columns import subgroup_columns
from keras_cwp.scores import Scores
from keras_cwp.training.size_note import NetworkSize

if TYPE_CHECKING:
    from keras_cwp.explain.trust import MapTrust
    from keras_cwp.training.run import RunFolder


# Maps of a network with 0.77 billion multiply-accumulates (EfficientNet-Lite0 at 320 px) took half a second a ROI on
# two cores, with the maps of random weights that test them.
_ALWAYS, _MACS = 200, 150_000_000_000


def run_examples(
    run: RunFolder, scores: Scores, data: PreparedData, each: int, seed: int
) -> tuple[list[Example], Cases | None, MapTrust | None]:
    """What a page shows of the scored ROIs, and how their heat maps stood the test.

    Args:
        each: number of hardest and of most typical ROIs; 0: the page shows no ROI at all.
        seed: of the sample where there are more ROIs than a page holds.
    """
    if each == 0:
        return [], None, None
    choices = choose_examples(scores, each)
    rows = choose_cases(scores, [choice.row for choice in choices], seed, _affordable(run, len(scores)))
    mapped = map_rows(run, scores, rows, data)
    return _examples(choices, mapped, scores), _cases(mapped, scores, data), mapped.trust


def _affordable(run: RunFolder, rois: int) -> int:
    """How many ROIs a page has: all that it can hold, or fewer where the network is so large that maps take minutes."""
    if rois <= _ALWAYS:
        return MOST_CASES
    folder = run.model_folders()[0]
    noted = NetworkSize.read(folder)  # of a mean of networks that of all, though one of them is mapped
    if noted is not None and noted.macs * MOST_CASES <= _MACS:
        return MOST_CASES
    from keras_cwp.models.cost import count_macs
    from keras_cwp.models.mean import mapped_network
    from keras_cwp.training.saved import load_network

    macs = count_macs(mapped_network(load_network(folder)))
    return min(MOST_CASES, max(_ALWAYS, _MACS // macs))


def _examples(choices: list[Choice], mapped: Mapped, scores: Scores) -> list[Example]:
    place = {int(row): number for number, row in enumerate(mapped.rows)}
    found = []
    for choice in choices:
        number, predicted = place[choice.row], int(scores.probabilities[choice.row].argmax())
        found.append(
            Example(
                mapped.crops[number] / 255,
                mapped.maps[number],
                scores.classes[int(scores.label[choice.row])],
                scores.classes[predicted],
                float(scores.probabilities[choice.row, predicted]),
                str(scores.roi_id[choice.row]),
                choice.kind,
                mapped.withheld if mapped.maps[number] is None else "",
            )
        )
    return found


def _cases(mapped: Mapped, scores: Scores, data: PreparedData) -> Cases:
    manifest = data.manifest
    images, film = np.unique(manifest.texts("image_key")[mapped.in_data], return_inverse=True)
    first = {int(number): int(row) for number, row in zip(film[::-1], mapped.in_data[::-1], strict=True)}
    width, height = manifest.numbers("image_width"), manifest.numbers("image_height")
    rows = [first[number] for number in range(len(images))]
    pictures = data.read_films(np.array(rows)) if data.has_films else [None] * len(rows)
    films = [Film(int(width[row]), int(height[row]), picture) for row, picture in zip(rows, pictures, strict=True)]
    box = np.stack([manifest.numbers(name)[mapped.in_data] for name in ("x", "y", "width", "height")], axis=1)
    size = np.stack([width, height, width, height], axis=1)[mapped.in_data]
    groups = {name: values[mapped.rows] for name, values in subgroup_columns(scores, data).items()}
    trust = "" if mapped.trust is None else mapped.trust["verdict"]
    return Cases(
        scores, mapped.rows, mapped.crops, mapped.maps, films, film, box / size, groups, trust, mapped.withheld
    )
