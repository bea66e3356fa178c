"""Batches: the right crops under the right labels, each once, in an order that seed and epoch decide."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from keras_cwp.config import DataConfig
from keras_cwp.data import pipeline
from keras_cwp.data.pipeline import batches, epoch_order
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import DataError

ROIS = 37


@pytest.fixture(scope="module", params=["uint8", "uint16"])
def data(request, tmp_path_factory) -> PreparedData:
    """37 whole radiographs of 32 pixels; every radiograph is flat, at its number × 6 / 255."""
    folder = tmp_path_factory.mktemp("set")
    (folder / "images").mkdir()
    lines = ["image,patient_id,label"]
    for number in range(ROIS):
        flat = np.full((40, 40), number * 6 * (257 if request.param == "uint16" else 1), request.param)
        Image.fromarray(flat).save(folder / "images" / f"{number}.png")
        lines.append(f"{number}.png,P{number},{'ab'[number % 2]}")
    (folder / "rois.csv").write_text("\n".join(lines))
    return prepare(folder / "rois.csv", folder / "images", folder / "data", DataConfig(image_size=32))


def collect(dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    parts = [tuple(np.asarray(part) for part in batch) for batch in dataset]
    images, labels, rows = (np.concatenate(part) for part in zip(*parts, strict=True))
    return images, labels, rows, [len(part[0]) for part in parts]


def test_without_a_seed_rows_come_as_they_stand(data):
    images, labels, rows, sizes = collect(batches(data, batch_size=8))
    np.testing.assert_array_equal(rows, np.arange(ROIS))
    np.testing.assert_array_equal(labels, np.arange(ROIS) % 2)
    np.testing.assert_allclose(images, np.broadcast_to(rows[:, None, None, None] * 6 / 255, (ROIS, 32, 32, 1)))
    assert sizes == [8, 8, 8, 8, 5]
    assert (images.dtype, labels.dtype, rows.dtype) == (np.float32, np.int32, np.int64)


def test_selected_rows_keep_their_order(data):
    chosen = np.array([30, 2, 17])
    images, labels, rows, _ = collect(batches(data, chosen, batch_size=2))
    np.testing.assert_array_equal(rows, chosen)
    np.testing.assert_array_equal(labels, chosen % 2)
    np.testing.assert_allclose(images[:, 0, 0, 0], chosen * 6 / 255, rtol=1e-6)


def test_each_epoch_holds_each_row_once_with_its_own_label(data):
    chosen = np.arange(0, ROIS, 3)
    images, labels, rows, sizes = collect(batches(data, chosen, batch_size=5, seed=3, epochs=range(4)))
    assert sizes == [5, 5, 3] * 4
    epochs = rows.reshape(4, len(chosen))
    assert all(sorted(epoch) == chosen.tolist() for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 4
    np.testing.assert_allclose(images[:, 5, 5, 0], rows * 6 / 255, rtol=1e-6)
    np.testing.assert_array_equal(labels, rows % 2)


def test_a_continued_run_sees_the_same_epochs(data):
    whole = collect(batches(data, batch_size=8, seed=5, epochs=range(4)))[2].reshape(4, ROIS)
    rest = collect(batches(data, batch_size=8, seed=5, epochs=range(2, 4)))[2].reshape(2, ROIS)
    np.testing.assert_array_equal(whole[2:], rest)


def test_order_does_not_depend_on_the_global_seed(data):
    import keras

    keras.utils.set_random_seed(1)
    first = collect(batches(data, batch_size=8, seed=5))[2]
    keras.utils.set_random_seed(2)
    np.testing.assert_array_equal(first, collect(batches(data, batch_size=8, seed=5))[2])
    assert (first != collect(batches(data, batch_size=8, seed=6))[2]).any()


def test_cardinality_is_known(data):
    assert int(batches(data, batch_size=8, seed=0, epochs=range(3)).cardinality()) == 15
    assert int(batches(data, batch_size=ROIS).cardinality()) == 1


def test_dataset_can_be_iterated_again(data):
    dataset = batches(data, batch_size=8, seed=1)
    np.testing.assert_array_equal(collect(dataset)[2], collect(dataset)[2])


def test_shuffle_mixes_within_the_buffer_and_visits_whole_blocks(data, monkeypatch):
    monkeypatch.setattr(pipeline, "_BLOCK_ROWS", 5)
    order = epoch_order(data, np.arange(ROIS), seed=0, epoch=0, shuffle_buffer=10)
    groups = [set((order[start : start + 10] // 5).tolist()) for start in range(0, 30, 10)]
    assert all(len(group) <= 3 for group in groups)  # ten rows are two blocks, or parts of three
    assert sorted(order) == list(range(ROIS))


def test_order_of_an_epoch_is_that_of_earlier_versions(data):
    """Recorded from format version 2 with 512 rows a shard: the same seed still gives the same network."""
    order = epoch_order(data, np.arange(0, ROIS, 3), seed=3, epoch=2, shuffle_buffer=4096)
    assert order.tolist() == [12, 30, 0, 24, 15, 9, 27, 36, 21, 18, 3, 6, 33]


def test_places_are_drawn_evenly(data):
    """Over many epochs each row stands everywhere: the mean place of each is near the middle."""
    places = np.array([np.argsort(epoch_order(data, np.arange(ROIS), 0, epoch, 4096)) for epoch in range(400)])
    middle, error = (ROIS - 1) / 2, ROIS / np.sqrt(12 * 400)
    assert np.abs(places.mean(axis=0) - middle).max() < 4 * error


@pytest.mark.parametrize("rows", [[], [-1], [ROIS]])
def test_rows_that_are_not_there(data, rows):
    with pytest.raises(DataError, match=f"that are not all among its {ROIS}"):
        batches(data, np.array(rows, dtype=np.int64), batch_size=4)
