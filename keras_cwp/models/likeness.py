"""How far a crop is from the crops that a network was trained on, by what the picture looks like.

A crop is described by some fifty numbers: brightness and contrast in a grid of 4 × 4 fields, and at several scales
edges and two numbers that turn with an inversion (do bright spots or dark ones stand out, is the bright or the dark
part the rougher one). Training crops have a mean and a covariance of them. The distance is the larger of two numbers:
Mahalanobis's distance over a limit that few crops of other patients exceed, and the ratio of that distance to the one
of the inverted crop, over such a limit of the ratio.

A crop above 1 is unlike the training data: another part of the body, a lateral or an inverted film, a whole film for a
model of regions. What the network says of it is not to be trusted. A distance below 1 does not show that the network is
right. The network is not asked, so that a crop that fools it is described all the same.

Reference: Ledoit and Wolf, Journal of Multivariate Analysis 88 (2004) 365-411 (shrinkage).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

REFUSED = 0.015  # share of crops like those of training that may be above either limit
_FIELDS = 4  # along each side of the grid
_BLOCK = 4  # pixels of a scale whose mean is their surround
_MOST_SCALES = 4
_FAINT = 1e-3  # added to contrasts before the logarithm: a thousandth of the grey range
_FEWEST = 20  # crops
_GROUPS = 5  # of patients, each measured by a fit to the others


@dataclass(frozen=True, eq=False)
class Likeness:
    """What the distance needs.

    Args:
        mean: float64 [numbers].
        whiten: float64 [numbers, numbers]; a description minus mean times this has variance 1 in each direction.
        limit: length that counts as 1.
        ratio: length over that of the inverted crop that counts as 1.
    """

    mean: np.ndarray
    whiten: np.ndarray
    limit: float
    ratio: float

    def distance_of(self, described: Any, of_inverted: Any, xp: Any = np) -> Any:
        """Distance of crops, float [B], from what `describe` gave; above 1: unlike the training data.

        Args:
            described, of_inverted: [B, numbers], of crops and of 1 - image.
            xp: numpy, or tensorflow.experimental.numpy for a graph.
        """
        length, inverted = (self._length(each, xp) for each in (described, of_inverted))
        return xp.maximum(
            length / np.float32(self.limit), length / (inverted + np.float32(_FAINT)) / np.float32(self.ratio)
        )

    def _length(self, described: Any, xp: Any) -> Any:
        spread = (described - self.mean.astype(np.float32)) @ self.whiten.astype(np.float32)
        return xp.sqrt(xp.mean(spread**2, axis=1))

    def as_json(self) -> dict[str, Any]:
        """A tree for JSON."""
        return {"mean": self.mean.tolist(), "whiten": self.whiten.tolist(), "limit": self.limit, "ratio": self.ratio}

    @classmethod
    def of_json(cls, tree: Any) -> Likeness:
        """What `as_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: another tree.
        """
        mean, whiten = np.array(tree["mean"], dtype=np.float64), np.array(tree["whiten"], dtype=np.float64)
        if mean.ndim != 1 or whiten.shape != (len(mean), len(mean)):
            raise ValueError(f"likeness: mean {mean.shape}, whiten {whiten.shape}")
        return cls(mean, whiten, float(tree["limit"]), float(tree["ratio"]))


def describe(images: Any, xp: Any = np) -> Any:
    """float32 [B, numbers] of crops float32 [B, side, side, 1] in [0, 1]; side at least 16 pixels."""
    pixels = images[:, :, :, 0]
    side = int(pixels.shape[1])
    scales = [number for number in range(_MOST_SCALES) if side // 2**number >= 2 * _BLOCK]
    step = _BLOCK * 2 ** scales[-1]
    start, kept = (side % step) // 2, side // step * step
    pixels = pixels[:, start : start + kept, start : start + kept]
    found = _grid(pixels, xp)
    for _ in scales:
        found += [*_edges(pixels, xp), *_relief(pixels, xp)]
        pixels = xp.mean(_blocks(pixels, 2, xp), axis=(2, 4))
    return xp.concatenate(found, axis=1)


def fit_likeness(described: np.ndarray, inverted: np.ndarray, patients: np.ndarray) -> Likeness | None:
    """The likeness of training crops, with limits from crops whose patient the fit does not know.

    Args:
        described: float [crops, numbers], what `describe` gave.
        inverted: the same of the inverted crops (1 - image).
        patients: str or int [crops].

    Returns:
        None for fewer than 20 crops or 5 patients.
    """
    names, patient = np.unique(patients, return_inverse=True)
    if len(described) < _FEWEST or len(names) < _GROUPS:
        return None
    group = (np.random.default_rng(len(names)).permutation(len(names)) % _GROUPS)[patient]
    lengths = np.empty((2, len(described)))
    for number in range(_GROUPS):
        mean, whiten = _fitted(described[group != number])
        for row, rows in enumerate((described, inverted)):
            lengths[row, group == number] = np.sqrt((((rows[group == number] - mean) @ whiten) ** 2).mean(axis=1))
    return Likeness(*_fitted(described), _limit(lengths[0]), _limit(lengths[0] / (lengths[1] + _FAINT)))


def _fitted(described: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and what makes the variance 1 in each direction."""
    mean = described.mean(axis=0, dtype=np.float64)
    deviation = np.maximum(described.std(axis=0, dtype=np.float64), _FAINT)
    values, axes = np.linalg.eigh(_shrunk((described - mean) / deviation))
    return mean, (axes / np.sqrt(np.maximum(values, _FAINT))) / deviation[:, None]


def _blocks(pixels: Any, size: int, xp: Any) -> Any:
    """[B, side, side] → [B, side / size, size, side / size, size]."""
    many = int(pixels.shape[1]) // size
    return xp.reshape(pixels[:, : many * size, : many * size], (-1, many, size, many, size))


def _grid(pixels: Any, xp: Any) -> list[Any]:
    """Brightness and log contrast of each field."""
    fields = _blocks(pixels, int(pixels.shape[1]) // _FIELDS, xp)
    means = xp.mean(fields, axis=(2, 4))
    variances = xp.mean(fields**2, axis=(2, 4)) - means**2
    contrast = xp.log(xp.sqrt(xp.maximum(variances, 0.0)) + _FAINT)
    return [xp.reshape(each, (-1, _FIELDS * _FIELDS)) for each in (means, contrast)]


def _edges(pixels: Any, xp: Any) -> list[Any]:
    """Log of the mean step between neighbours, across and down."""
    across, down = pixels[:, :, 1:] - pixels[:, :, :-1], pixels[:, 1:] - pixels[:, :-1]
    return [xp.log(xp.mean(xp.abs(each), axis=(1, 2)) + _FAINT)[:, None] for each in (across, down)]


def _relief(pixels: Any, xp: Any) -> list[Any]:
    """Of pixels against the mean of their block: log energy, skewness, and whether bright blocks are the rougher."""
    blocks = _blocks(pixels, _BLOCK, xp)
    means = xp.mean(blocks, axis=(2, 4))
    height = blocks - means[:, :, None, :, None]
    energy = xp.mean(height**2, axis=(1, 2, 3, 4))
    skewness = xp.mean(height**3, axis=(1, 2, 3, 4)) / (energy + _FAINT**2) ** 1.5
    roughness = xp.log(xp.sqrt(xp.mean(height**2, axis=(2, 4))) + _FAINT)
    return [(xp.log(energy + _FAINT**2) / 2)[:, None], skewness[:, None], _correlation(means, roughness, xp)[:, None]]


def _correlation(first: Any, second: Any, xp: Any) -> Any:
    """[B] over the fields of [B, h, w]; near 0 where one of them hardly varies."""
    a, b = (each - xp.mean(each, axis=(1, 2), keepdims=True) for each in (first, second))
    of_both = xp.mean(a**2, axis=(1, 2)) * xp.mean(b**2, axis=(1, 2))
    return xp.mean(a * b, axis=(1, 2)) / xp.sqrt(of_both + _FAINT**4)


def _shrunk(rows: np.ndarray) -> np.ndarray:
    """Covariance of centred rows, drawn towards a multiple of the identity by Ledoit and Wolf's share."""
    many, numbers = rows.shape
    covariance = rows.T @ rows / many
    level = np.trace(covariance) / numbers
    spread = ((covariance - level * np.eye(numbers)) ** 2).sum()
    noise = (((rows**2).sum(axis=1) ** 2).sum() / many - (covariance**2).sum()) / many
    share = min(float(noise / spread), 1.0) if spread > 0 else 1.0
    return np.asarray((1 - share) * covariance + share * level * np.eye(numbers))


def _limit(lengths: np.ndarray) -> float:
    """The length that all but REFUSED of such crops stay below: by rank, and by their spread where they are few."""
    logs, many = np.log(np.maximum(lengths, 1e-12)), len(lengths)
    place = int(np.ceil((1 - REFUSED) * (many + 1)))
    by_rank = float(np.sort(logs)[min(place, many) - 1])
    reach = float(stats.t.ppf(1 - REFUSED, many - 1) * logs.std(ddof=1) * np.sqrt(1 + 1 / many))
    return float(np.exp(max(by_rank, float(logs.mean()) + reach)))
