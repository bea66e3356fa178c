"""The judged ROIs as a reader looks through them: sorted, filtered, large, with window, level and heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any, ClassVar

import numpy as np

from keras_cwp.explain.overlay import palette
from keras_cwp.report.case_pictures import map_uri, picture_uris
from keras_cwp.scores import Scores
from keras_cwp.wording import plural

MOST_CASES = 2000  # ROIs of a page; more are sampled
_LEAST_OF_A_CELL = 20  # of the confusion matrix that a sample keeps, where the cell has them
_DIGITS = 3  # of a probability
_PLACE_DIGITS = 4  # of a box, as a share of the film


@dataclass(frozen=True, eq=False)
class Film:
    """A radiograph that cases lie on.

    Args:
        width, height: pixels.
        picture: uint8 [rows, columns], small, stretched to any proportions; None: an outline is drawn.
    """

    width: int
    height: int
    picture: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Cases:
    """A block of a page: one case a row of a Scores table.

    Args:
        scores: of all judged ROIs.
        rows: int [n], those of them that are cases.
        crops: n pictures, uint8 [side, side], as the network sees them.
        maps: n heat maps, float [rows, columns], 1 being the end of the common scale; None: withheld.
        films: those that cases lie on.
        film: int [n], index into `films`.
        boxes: float [n, 4]: x, y, width, height as shares of the film.
        groups: name of a column → str [n].
        trust: what is said of the maps.
        withheld: why a case has no map, where one has none.
    """

    scores: Scores
    rows: np.ndarray
    crops: Sequence[np.ndarray]
    maps: Sequence[np.ndarray | None]
    films: Sequence[Film]
    film: np.ndarray
    boxes: np.ndarray
    groups: Mapping[str, np.ndarray]
    trust: str = ""
    withheld: str = ""
    macro: ClassVar[str] = "cases"

    @property
    def script(self) -> str:
        """The page's own JavaScript, which a page with this block runs."""
        return files("keras_cwp.report").joinpath("templates/cases.js").read_text(encoding="utf-8")

    @property
    def sampled(self) -> str:
        """How many of how many are here."""
        total = len(self.scores)
        if len(self.rows) == total:
            return f"All {plural(total, 'ROI')}."
        return (
            f"{len(self.rows):,} of {plural(total, 'ROI')}, drawn at random from each cell of the confusion "
            "matrix in proportion to its size."
        )

    @cached_property
    def tree(self) -> dict[str, Any]:
        """What the script reads, ready for JSON. Patients are numbers, films have no names."""
        own = self.scores.take(self.rows)
        _, patient = np.unique(own.patient_id, return_inverse=True)
        several = len(np.unique(self.scores.fold)) > 1
        groups = {**({"fold": own.fold.astype(str)} if several else {}), **self.groups}
        uris = picture_uris([*self.crops, *(film.picture for film in self.films if film.picture is not None)])
        pictures = iter(uris[len(self.crops) :])
        return {
            "classes": list(own.classes),
            "palette": palette().tolist(),
            "groups": list(groups),
            "total": len(self.scores),
            "films": [[f.width, f.height, "" if f.picture is None else next(pictures)] for f in self.films],
            "cases": [
                {
                    "roi": str(own.roi_id[n]),
                    "patient": int(patient[n]) + 1,
                    "truth": int(own.label[n]),
                    "called": int(own.probabilities[n].argmax()),
                    "p": [round(float(p), _DIGITS) for p in own.probabilities[n]],
                    "groups": [str(values[n]) for values in groups.values()],
                    "film": int(self.film[n]),
                    "box": [round(float(side), _PLACE_DIGITS) for side in self.boxes[n]],
                    "crop": uris[n],
                    "map": "" if (heat := self.maps[n]) is None else map_uri(heat),
                }
                for n in range(len(own))
            ],
        }


def choose_cases(scores: Scores, also: Sequence[int], seed: int, most: int = MOST_CASES) -> np.ndarray:
    """int [n], rows of a Scores table in ascending order: all of them, or a sample of `most`.

    Each cell of the confusion matrix (ROIs without a label are a row of it) gives its share, and no fewer than 20
    where it has as many.

    Args:
        also: rows that are in it at any rate.
    """
    if len(scores) <= most:
        return np.arange(len(scores))
    random = np.random.default_rng(seed)
    cell = scores.label * len(scores.classes) + scores.probabilities.argmax(axis=1)
    order = random.permutation(len(scores))
    order = order[np.argsort(cell[order], kind="stable")]
    rank = np.concatenate([np.arange(count) for count in np.unique(cell, return_counts=True)[1]])
    size = np.bincount(cell - cell.min())[cell[order] - cell.min()]
    first = np.where(rank < _LEAST_OF_A_CELL, -1, (rank + 0.5) / size)  # the place within its own cell
    first[np.isin(order, also)] = -2
    return np.sort(order[np.argsort(first, kind="stable")][:most])
