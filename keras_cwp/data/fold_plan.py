"""Which ROIs train, validate and are held out in each fold of a cross-validation."""

from __future__ import annotations

import numpy as np

from keras_cwp.config import Config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.splits import assert_disjoint, folds, validation_part
from keras_cwp.errors import SplitError


def fold_parts(data: PreparedData, config: Config) -> dict[int, np.ndarray]:
    """For each fold, from 1 on, the part of each ROI: train, validation or test; str [rois].

    Repeats follow each other: with 5 folds, the second repeat's are 6 to 10. Validation patients are drawn
    from a fold's training patients and serve its early stopping and thresholds only; with `split.inner` there
    are none, for inner folds take their place.

    Raises:
        SplitError: too few patients of a class; by sites: a ROI without a site, a patient at two sites, one site
            only, or a class that one site alone has.
    """
    held_out = _by_site(data, config) if config.split.by == "site" else _by_patient(data, config)
    return {number: _with_validation(data, test, config, number) for number, test in enumerate(held_out, start=1)}


def fold_seed(seed: int, number: int) -> int:
    """A seed for fold or repeat `number` that is not correlated with its neighbours'."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)


def sites(data: PreparedData) -> np.ndarray:
    """str [rois]; "" where the manifest has no site."""
    return data.manifest.texts("site")


def _by_patient(data: PreparedData, config: Config) -> list[np.ndarray]:
    held_out = []
    for repeat in range(config.split.repeats):
        outer = folds(data.patients, data.label_names, config.split.folds, fold_seed(config.seed, repeat))
        held_out += [outer == k for k in range(config.split.folds)]
    return held_out


def _by_site(data: PreparedData, config: Config) -> list[np.ndarray]:
    """Each site held out once, in the order of their names."""
    if config.split.repeats > 1:
        raise SplitError(f"split: leave-one-site-out has one set of folds, got split.repeats {config.split.repeats}")
    site = sites(data)
    names = np.unique(site)
    if not names[0]:
        raise SplitError(
            f"split: {(site == '').sum()} of {len(site)} ROIs of {data.path} have no site; leave-one-site-out needs "
            "a `site` column without gaps in the ROI table"
        )
    if len(names) < 2:
        raise SplitError(f"split: one site only in {data.path}; leave-one-site-out needs at least two")
    assert_disjoint(data.patients, site)
    for name in names.tolist():
        for label in data.classes:
            if not (data.label_names[site != name] == label).any():
                raise SplitError(f"split: class {label!r} is at site {name!r} only; held out, nothing teaches it")
    return [site == name for name in names]


def _with_validation(data: PreparedData, test: np.ndarray, config: Config, number: int) -> np.ndarray:
    parts = np.where(test, "test", "train").astype("<U10")
    if config.split.inner is None:
        rest, seed = np.flatnonzero(~test), fold_seed(config.seed, number)
        chosen = validation_part(data.patients[rest], data.label_names[rest], config.split.validation, seed)
        parts[rest[chosen]] = "validation"
    assert_disjoint(data.patients, parts)
    return parts
