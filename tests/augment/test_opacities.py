"""Simulated opacities in training ROIs: whose label changes, how much, and that a continued training sees the same."""

from __future__ import annotations

import numpy as np
import pytest

from keras_cwp.augment.opacities import laying, shown_opacities
from keras_cwp.augment.policy import Opacities, load_policy
from keras_cwp.config import Config, DataConfig
from keras_cwp.data.phantom.draw import draw_phantoms
from keras_cwp.data.pipeline import batches
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import ConfigError
from keras_cwp.training.network import _batches, check_buildable

ALL = {"probability": 1.0, "small": "small_opacities", "large": "large_opacity"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("opacities")
    table = draw_phantoms(folder / "drawn", patients=9, side_px=512, radiographs=(1, 1), rois=(3, 4))
    return prepare(table, table.parent / "images", folder / "data", DataConfig(image_size=96))


def batch_of(data: PreparedData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    crops, labels, rows = (part.numpy() for part in next(iter(batches(data, batch_size=len(data)))))
    return crops, np.eye(len(data.classes), dtype=np.float32)[labels], rows


def test_normal_regions_get_brighter_inside_and_the_label_of_what_was_laid(prepared):
    crops, targets, rows = batch_of(prepared)
    lay = laying(Opacities(**ALL), prepared, seed=3)
    changed, known = lay.of_batch(0, crops, targets, rows)
    normal = prepared.labels == prepared.classes.index("normal")
    assert normal.any()
    np.testing.assert_array_equal(changed[~normal], crops[~normal])
    np.testing.assert_array_equal(known[~normal], targets[~normal])
    np.testing.assert_allclose(known.sum(axis=1), 1, rtol=1e-6)
    assert (known[normal].argmax(axis=1) != prepared.classes.index("normal")).all()
    assert (known[normal].max(axis=1) >= 0.5).all()
    # the positive crop is brighter than the negative one, and nowhere beyond white
    assert (changed[normal].mean(axis=(1, 2, 3)) > crops[normal].mean(axis=(1, 2, 3))).all()
    assert changed.min() >= 0
    assert changed.max() <= 1
    edge = prepared.margin // 2
    assert np.abs(changed - crops)[normal, :edge].mean() < 0.3 * np.abs(changed - crops)[normal].mean()


def test_few_small_opacities_are_half_certain_and_a_large_one_is_certain(prepared):
    crops, targets, rows = batch_of(prepared)
    shares = {}
    for kind, name in (("small", "small_opacities"), ("large", "large_opacity")):
        lay = laying(Opacities(probability=1.0, **{kind: name}), prepared, seed=1)
        normal = targets[:, lay.normal] == 1
        shares[kind] = np.concatenate([lay.of_batch(step, crops, targets, rows)[1][normal] for step in range(4)])
    assert (shares["large"].max(axis=1) == 1).all()
    least = shares["small"].max(axis=1)
    assert least.min() < 0.95 <= least.max() == 1


def test_a_chance_is_the_share_of_normal_regions(prepared):
    crops, targets, rows = batch_of(prepared)
    lay = laying(Opacities(probability=0.3, large="large_opacity"), prepared, seed=0)
    normal = targets[:, lay.normal] == 1
    known = np.stack([lay.of_batch(step, crops, targets, rows)[1][normal] for step in range(40)])
    assert abs((known[..., lay.normal] == 0).mean() - 0.3) < 0.08


def test_the_stream_of_a_continued_training_goes_on(prepared):
    config = Config.model_validate(
        {"augment": {"policy": "paper_mix_opacities"}, "train": {"batch_size": 8, "epochs": 2}}
    )
    rows = np.arange(len(prepared))
    whole = list(_batches(prepared, rows, config, 5, 0, None))
    rest = list(_batches(prepared, rows, config, 5, 1, None))
    soft = 0
    for ((crops, _), targets, weights), ((later, _), same, _) in zip(whole[len(rest) :], rest, strict=True):
        np.testing.assert_array_equal(crops, later)
        np.testing.assert_array_equal(targets, same)
        soft += int(((targets.numpy() > 0) & (targets.numpy() < 1)).any())
        assert weights.shape == targets.shape[:1]
    assert any(not np.array_equal(one[0][0], two[0][0]) for one, two in zip(whole, rest, strict=False))


def test_a_region_of_known_spacing_keeps_it(prepared):
    lay = laying(Opacities(**ALL), prepared, seed=0)
    numbers = prepared.manifest.numbers
    sides_mm = prepared.image_size * lay.mm_per_px
    np.testing.assert_allclose(
        sides_mm, np.maximum(numbers("width"), numbers("height")) * 360 / 512, rtol=0.02
    )  # a phantom's field is 360 mm


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"small": "nodules"}, "class 'nodules'; .* has large_opacity, normal, small_opacities; write"),
        ({"normal": "healthy", "small": "small_opacities"}, "class 'healthy'"),
    ],
)
def test_a_class_that_the_data_lacks_is_named(prepared, policy, message):
    with pytest.raises(ConfigError, match=message):
        laying(Opacities(**policy), prepared, 0)


def test_nothing_to_lay_is_refused():
    with pytest.raises(ConfigError, match="at least one of small, large, patch"):
        load_policy({"opacities": {"probability": 0.5}})
    with pytest.raises(ConfigError, match="the class without opacities and one with them"):
        load_policy({"opacities": {"small": "normal"}})


def test_whole_images_are_refused_before_anything_is_written(tmp_path):
    table = draw_phantoms(tmp_path / "drawn", patients=6, side_px=128, radiographs=(1, 1), rois=(1, 1))
    lines = [line.split(",") for line in table.read_text().splitlines()]
    kept = [lines[0].index(name) for name in ("image", "patient_id", "label")]
    table.write_text("\n".join(",".join(line[n] for n in kept) for line in lines) + "\n")
    data = prepare(table, table.parent / "images", tmp_path / "data", DataConfig(image_size=64))
    config = Config.model_validate({"augment": {"policy": "paper_mix_opacities"}})
    with pytest.raises(ConfigError, match="whole images; use a policy without opacities"):
        check_buildable(config, data)


def test_a_preview_says_what_was_laid(prepared):
    crops, targets, rows = batch_of(prepared)
    changed, said = shown_opacities(Opacities(**ALL), prepared, crops, rows, 0)(0)
    normal = targets[:, prepared.classes.index("normal")] == 1
    assert all(text.startswith(("small_opacities ", "large_opacity ")) for text in np.array(said)[normal])
    assert set(np.array(said)[~normal]) == {""}
    assert (changed != crops).any()
