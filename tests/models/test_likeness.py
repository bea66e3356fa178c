"""Distance from the training data: good crops pass, others are recognised, NumPy and TensorFlow agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from keras_cwp.evaluation.roc import auc
from keras_cwp.models.likeness import Likeness, describe, fit_likeness

SIDE = 64


def film(rng: np.random.Generator) -> np.ndarray:
    """float32 [256, 256]: dark lungs between bright tissue, ribs across them, fine grain; no two alike."""
    y, x = np.mgrid[:256, :256] / 256
    wide, high = rng.uniform(0.14, 0.18), rng.uniform(0.28, 0.36)
    lungs = sum(np.exp(-(((x - centre) / wide) ** 4) - ((y - 0.5) / high) ** 4) for centre in (0.28, 0.72))
    ribs = np.clip(np.sin(2 * np.pi * (y * rng.uniform(7, 9) + (x - 0.5) ** 2 * 4 + rng.random())), 0.2, 1) ** 3
    grain = cv2.GaussianBlur(rng.normal(size=(256, 256)), (0, 0), 1.2) * 0.06
    picture = 0.75 - rng.uniform(0.4, 0.5) * lungs + 0.12 * ribs * lungs + grain
    return np.clip(picture, 0, 1).astype(np.float32)


def region(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A crop of a lung."""
    left, top = int(rng.choice([46, 158])) + int(rng.integers(-6, 7)), int(rng.integers(70, 130))
    return picture[top : top + 52, left : left + 52]


def resized(pictures: list[np.ndarray]) -> np.ndarray:
    return np.stack([cv2.resize(each, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for each in pictures])[..., None]


@pytest.fixture(scope="module")
def films() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [film(rng) for _ in range(120)]


@pytest.fixture(scope="module")
def kinds(films: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Crops of regions of 120 patients, two each, and 120 of whole films."""
    rng = np.random.default_rng(1)
    return {"regions": resized([region(each, rng) for each in films for _ in range(2)]), "films": resized(films)}


def others(films: list[np.ndarray]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    discs = np.zeros((60, SIDE, SIDE, 1), np.float32)
    for each in discs:
        for _ in range(20):
            place = tuple(int(number) for number in rng.integers(0, SIDE, 2))
            cv2.circle(each, place, int(rng.integers(3, 20)), float(rng.random()), -1)
    return {
        "noise": rng.random((60, SIDE, SIDE, 1)).astype(np.float32),
        "not a chest": discs,
        "lateral": resized([cv2.GaussianBlur(each[:, :128], (0, 0), 2) for each in films[:60]]),
    }


def fitted(crops: np.ndarray, patients: np.ndarray) -> Likeness:
    found = fit_likeness(describe(crops), describe(1 - crops), patients)
    assert found is not None
    return found


def distance(likeness: Likeness, images: Any, xp: Any = np) -> Any:
    return likeness.distance_of(describe(images, xp), describe(1 - images, xp), xp)


@pytest.mark.parametrize("kind", ["regions", "films"])
def test_what_is_no_such_crop_is_told_apart(kind: str, kinds: dict[str, np.ndarray], films: list[np.ndarray]) -> None:
    crops = kinds[kind]
    patients = np.repeat(np.arange(120), len(crops) // 120)
    known = patients < 80
    likeness = fitted(crops[known], patients[known])
    good = distance(likeness, crops[~known])
    assert np.mean(good > 1) < 0.03 + 0.05  # 3 % and two standard errors of 40 patients
    odd = others(films) | {"inverted": 1 - crops[~known]}
    odd |= {"whole film": kinds["films"]} if kind == "regions" else {"region": kinds["regions"]}
    for name, images in odd.items():
        found = distance(likeness, images)
        truth = np.repeat([True, False], [len(found), len(good)])
        assert auc(truth, np.concatenate([found, good])) >= 0.95, name


def test_few_of_many_good_crops_are_refused(kinds: dict[str, np.ndarray]) -> None:
    refused = []
    patients = np.repeat(np.arange(120), 2)
    for number in range(10):
        left = np.isin(patients, np.random.default_rng(number).permutation(120)[:40])
        refused.append(distance(fitted(kinds["regions"][~left], patients[~left]), kinds["regions"][left]) > 1)
    assert np.mean(refused) < 0.03


def test_a_graph_gives_the_same_distance(kinds: dict[str, np.ndarray]) -> None:
    import tensorflow as tf

    likeness = fitted(kinds["regions"], np.repeat(np.arange(120), 2))
    signature = [tf.TensorSpec([None, SIDE, SIDE, 1], tf.float32)]
    graph = tf.function(lambda images: distance(likeness, images, tf.experimental.numpy), signature)
    images = np.concatenate([kinds["regions"][:20], kinds["films"][:20], np.zeros((1, SIDE, SIDE, 1), np.float32)])
    np.testing.assert_allclose(graph(images), distance(likeness, images), rtol=2e-3)
    assert graph(images[:0]).shape == (0,)


def test_it_is_kept_as_json(kinds: dict[str, np.ndarray], tmp_path: Path) -> None:
    likeness = fitted(kinds["regions"], np.repeat(np.arange(120), 2))
    (tmp_path / "l.json").write_text(json.dumps(likeness.as_json()))
    again = Likeness.of_json(json.loads((tmp_path / "l.json").read_text()))
    np.testing.assert_array_equal(distance(again, kinds["regions"]), distance(likeness, kinds["regions"]))
    with pytest.raises(ValueError, match="likeness"):
        Likeness.of_json({"mean": [0.0], "whiten": [[1.0, 2.0]], "limit": 1, "ratio": 1})


def test_too_few_crops_give_no_limit(kinds: dict[str, np.ndarray]) -> None:
    described = describe(kinds["regions"][:30])
    assert fit_likeness(described[:19], described[:19], np.arange(19)) is None
    assert fit_likeness(described, described, np.arange(30) % 4) is None


@pytest.mark.parametrize("side", [16, 33, 96, 224])
def test_any_side_has_finite_numbers(side: int) -> None:
    for images in (np.zeros((2, side, side, 1), np.float32), np.random.default_rng(0).random((2, side, side, 1))):
        found = describe(np.asarray(images, np.float32))
        assert np.isfinite(found).all()
