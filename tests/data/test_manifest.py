"""Opening a prepared data set, and refusing one that is damaged."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from keras_cwp.config import DataConfig
from keras_cwp.data.manifest import key_of, read_manifest, write_manifest
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import DataError


@pytest.fixture
def data(good_table, images, tmp_path) -> PreparedData:
    return prepare(good_table, images, tmp_path / "data", DataConfig(image_size=32))


def test_opens_as_it_was_written(data):
    again = PreparedData.open(data.path)
    assert again.manifest == data.manifest
    assert again.classes == data.classes
    assert again.content_hash == data.content_hash
    np.testing.assert_array_equal(again.read(np.array([5, 0, 5])), data.read(np.array([5, 0, 5])))


def test_manifest_round_trip(data, tmp_path):
    write_manifest(tmp_path / "m.csv", data.manifest, data.manifest.extra)
    assert read_manifest(tmp_path / "m.csv") == data.manifest


def test_keys_depend_on_salt_and_kind():
    keys = {key_of(salt, kind, "P1") for salt in ("a", "b") for kind in ("patient", "roi")}
    assert len(keys) == 4
    assert key_of("a", "patient", "P1") == key_of("a", "patient", "P1")


def test_not_a_data_set(tmp_path):
    with pytest.raises(DataError, match=r"no dataset\.json in it; give a folder that `keras-cwp prepare` wrote"):
        PreparedData.open(tmp_path)


def change_meta(data: PreparedData, **changes: object) -> None:
    path = data.path / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 99}, "format version 99, this program reads 3; prepare it again"),
        ({"format_version": 2}, "format version 2, this program reads 3; prepare it again"),
        ({"crops_sha256": ""}, r"crops\.npy is damaged"),
        ({"classes": ["normal"]}, "damaged .*sick"),
        ({"crop_size": 10_000_000}, r"crops\.npy is damaged: it holds uint8 \(6, 48, 48\), the data set says"),
        ({"dtype": "object"}, "damaged"),
        ({"dtype": "int8"}, r"crops\.npy is damaged: it holds uint8"),
        ({"voi": "ignore"}, r"dataset\.json or manifest\.csv was changed by hand"),
        ({"classes": ["sick", "normal"]}, r"dataset\.json or manifest\.csv was changed by hand"),
    ],
)
def test_spoiled_description(data, changes, message):
    change_meta(data, **changes)
    with pytest.raises(DataError, match=message):
        PreparedData.open(data.path)


def change_byte(data: PreparedData, place: int) -> None:
    content = bytearray((data.path / "crops.npy").read_bytes())
    content[place] ^= 1
    (data.path / "crops.npy").write_bytes(content)


def test_flipped_byte_in_a_crop(data):
    change_byte(data, 1000)
    with pytest.raises(DataError, match=r"crops\.npy is damaged"):
        PreparedData.open(data.path)
    assert len(PreparedData.open(data.path, verify=False)) == 6


@pytest.mark.parametrize("place", [0, 8, 10, 40])
def test_flipped_byte_in_the_head_of_the_crops(data, place):
    change_byte(data, place)
    with pytest.raises(DataError, match=r"crops\.npy is damaged"):
        PreparedData.open(data.path, verify=False)


def test_no_manifest_rows(data):
    path = data.path / "manifest.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(DataError, match=r"manifest\.csv has no rows"):
        PreparedData.open(data.path, verify=False)


def test_crops_gone(data):
    (data.path / "crops.npy").unlink()
    with pytest.raises(DataError, match=r"crops\.npy is missing; prepare the data set again"):
        PreparedData.open(data.path)


@pytest.mark.parametrize("length", [-1, 1])
def test_crops_of_another_length(data, length):
    path = data.path / "crops.npy"
    content = path.read_bytes()
    path.write_bytes(content[:length] if length < 0 else content + b"x")
    with pytest.raises(DataError, match=r"crops\.npy is damaged"):
        PreparedData.open(data.path, verify=False)


def test_crops_cut_short_while_open(data):
    data.read(np.array([3]))
    path = data.path / "crops.npy"
    os.truncate(path, 3000)
    with pytest.raises(DataError, match=rf"crops\.npy is damaged: 3000 bytes instead of {128 + 6 * 48 * 48}"):
        data.read(np.array([3]))


def test_an_open_data_set_keeps_its_crops_when_another_takes_its_place(data, good_table, images):
    before = data.read(np.arange(6))
    prepare(good_table, images, data.path, DataConfig(image_size=48))
    np.testing.assert_array_equal(data.read(np.arange(6)), before)


def test_label_changed_by_hand(data):
    path = data.path / "manifest.csv"
    path.write_text(path.read_text().replace(",sick,", ",normal,", 1))
    with pytest.raises(DataError, match="was changed by hand"):
        PreparedData.open(data.path)


@pytest.mark.parametrize(
    ("old", "new"), [("roi_id,image", "roi,image"), (",P1,", ",P1,,"), (",20.0,", ",wide,"), ("normal", "")]
)
def test_spoiled_manifest(data, old, new):
    path = data.path / "manifest.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=r"manifest|damaged"):
        PreparedData.open(data.path)


def test_description_that_is_no_json(data):
    (data.path / "dataset.json").write_text("{")
    with pytest.raises(DataError, match=r"dataset\.json cannot be read"):
        PreparedData.open(data.path)
