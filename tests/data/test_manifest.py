"""Opening a prepared data set, and refusing one that is damaged."""

from __future__ import annotations

import json

import numpy as np
import pytest

from keras_cwp.config import DataConfig
from keras_cwp.data.manifest import key_of, read_manifest, write_manifest
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import DataError


@pytest.fixture
def data(good_table, images, tmp_path) -> PreparedData:
    return prepare(good_table, images, tmp_path / "data", DataConfig(image_size=32, rois_per_shard=4))


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
        ({"format_version": 99}, "format version 99, this program reads 2"),
        ({"shards": []}, "manifest and shards disagree"),
        ({"shards": None}, "damaged"),
        ({"classes": ["normal"]}, "damaged .*sick"),
        ({"crop_size": 10_000_000}, "is damaged"),
        ({"dtype": "object"}, "damaged"),
        ({"dtype": "int8"}, "is damaged"),
        ({"voi": "ignore"}, r"dataset\.json or manifest\.csv was changed by hand"),
        ({"classes": ["sick", "normal"]}, r"dataset\.json or manifest\.csv was changed by hand"),
    ],
)
def test_spoiled_description(data, changes, message):
    change_meta(data, **changes)
    with pytest.raises(DataError, match=message):
        PreparedData.open(data.path)


def test_shard_outside_the_folder(data):
    shards = json.loads((data.path / "dataset.json").read_text())["shards"]
    shards[0]["file"] = "../../outside.tfrecord"
    change_meta(data, shards=shards)
    with pytest.raises(DataError, match=r"shard '\.\./\.\./outside\.tfrecord' is missing"):
        PreparedData.open(data.path)


def test_flipped_byte_in_a_shard(data):
    path = data.path / "rois-00000-of-00002.tfrecord"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"shard 'rois-00000-of-00002\.tfrecord' is damaged"):
        PreparedData.open(data.path)


def test_shard_gone(data):
    (data.path / "rois-00001-of-00002.tfrecord").unlink()
    with pytest.raises(DataError, match="is missing; prepare it again"):
        PreparedData.open(data.path)
    with pytest.raises(DataError, match="No such file"):
        data.read(np.array([5]))


def test_shard_cut_short_while_open(data):
    path = data.path / "rois-00000-of-00002.tfrecord"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match="ends within a record"):
        data.read(np.array([3]))


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
