"""prepare: what it writes, that it writes whole or not at all, and its messages."""

from __future__ import annotations

import errno
import hashlib
import json
import pathlib
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.dicom_file import dicom

from keras_cwp.audit.checks import refuse_leaks
from keras_cwp.config import DataConfig
from keras_cwp.data import crop_file, cut
from keras_cwp.data.crops import crop_roi
from keras_cwp.data.prepare import prepare, prepare_cached
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import CwpError, DataError
from keras_cwp.files import locked_folder

CONFIG = DataConfig(image_size=32)


def test_rows_are_the_crops_of_the_rois(good_table, images, tmp_path):
    data = prepare(good_table, images, tmp_path / "data", CONFIG)
    assert data.classes == ("normal", "sick")
    assert (data.image_size, data.margin, data.crop_size) == (32, 8, 48)
    assert data.labels.tolist() == [0, 1, 0, 1, 1, 0]
    assert data.patients.tolist() == ["P1", "P1", "P2", "P3", "P3", "P4"]
    stored = data.read(np.arange(6))
    assert stored.dtype == np.uint8
    for row, crop in zip(data.manifest, stored, strict=True):
        pixels = np.asarray(Image.open(images / row.image))
        expected = crop_roi(pixels, (row.x, row.y, row.width, row.height), 32, 8, "pad")
        np.testing.assert_array_equal(crop, np.rint(expected))


def test_what_was_left_out_stands_there_as_soon_as_the_data_set_does(good_table, images, tmp_path, monkeypatch):
    """A run that is killed right after the data set took its place leaves a whole one."""

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(PreparedData, "open", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(good_table, images, tmp_path / "data", DataConfig(image_size=32))
    assert json.loads((tmp_path / "data" / "dataset.json").read_text())["left_out"] == {}


def test_dataset_json(good_table, images, tmp_path):
    prepare(good_table, images, tmp_path / "data", CONFIG)
    meta = json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert meta["classes"] == ["normal", "sick"]
    assert (meta["image_size"], meta["crop_size"], meta["context"], meta["dtype"]) == (32, 48, 0.25, "uint8")
    assert meta["counts"] == {
        "rois": 6,
        "images": 5,
        "patients": 4,
        "classes": {"normal": {"rois": 3, "patients": 3}, "sick": {"rois": 3, "patients": 2}},
    }
    assert meta["crops_sha256"] == hashlib.sha256((tmp_path / "data" / "crops.npy").read_bytes()).hexdigest()


def test_crops_are_a_plain_numpy_file(good_table, images, tmp_path):
    data = prepare(good_table, images, tmp_path / "data", CONFIG)
    crops = np.load(data.path / "crops.npy", allow_pickle=False)
    assert (crops.shape, crops.dtype) == ((6, 48, 48), np.uint8)
    np.testing.assert_array_equal(crops, data.read(np.arange(6)))


def test_sixteen_bits_are_kept_and_eight_bits_fit_in(good_table, images, tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (48, 64), dtype=np.uint16)
    Image.fromarray(deep).save(images / "a.png")
    data = prepare(good_table, images, tmp_path / "data", CONFIG)
    assert data.dtype == np.dtype("<u2")
    row = data.manifest[0]
    expected = crop_roi(deep, (row.x, row.y, row.width, row.height), 32, 8, "pad")
    np.testing.assert_array_equal(data.read(np.array([0]))[0], np.rint(expected))
    row = data.manifest[1]
    eight = crop_roi(np.asarray(Image.open(images / "b.png")), (row.x, row.y, row.width, row.height), 32, 8, "pad")
    np.testing.assert_allclose(data.read(np.array([1]))[0] / 257, eight, atol=0.01)


def test_nothing_else_is_in_the_folder(good_table, images, tmp_path):
    data = prepare(good_table, images, tmp_path / "data", CONFIG)
    assert sorted(path.name for path in data.path.iterdir()) == [
        "crops.npy",
        "dataset.json",
        "films.npy",
        "manifest.csv",
    ]


def test_data_set_of_an_earlier_version_is_replaced(good_table, images, tmp_path):
    data = prepare(good_table, images, tmp_path / "data", CONFIG)
    before = read_all(data.path)
    (data.path / "crops.npy").rename(data.path / "rois-00000-of-00001.tfrecord")
    (data.path / "dataset.json").write_text(json.dumps({**data.meta, "format_version": 2, "shards": []}))
    prepare(good_table, images, tmp_path / "data", CONFIG)
    assert read_all(tmp_path / "data") == before


def test_whole_images_have_no_margin(table, images, tmp_path):
    path = table("a.png,P1,x", "b.png,P2,y", header="image,patient_id,label")
    data = prepare(path, images, tmp_path / "data", CONFIG)
    assert (data.margin, data.crop_size) == (0, 32)
    assert (data.manifest[0].width, data.manifest[0].height) == (64, 48)


def test_class_order_of_the_configuration(good_table, images, tmp_path):
    data = prepare(good_table, images, tmp_path / "data", DataConfig(image_size=32, classes=("sick", "normal")))
    assert data.classes == ("sick", "normal")
    assert data.labels.tolist() == [1, 0, 1, 0, 0, 1]


def test_boxes_over_the_edge_are_clipped_and_counted(table, images, tmp_path):
    path = table("a.png,P1,x,-5,-5,20,20", "b.png,P2,y,60,40,20,20", "c.png,P3,x,0,0,5,5")
    notes: list[str] = []
    data = prepare(path, images, tmp_path / "data", CONFIG, note=notes.append)
    assert [(r.x, r.y, r.width, r.height) for r in data.manifest[:2]] == [(0, 0, 15, 15), (60, 40, 4, 8)]
    assert len(notes) == 1
    assert "2 boxes reach beyond their radiograph" in notes[0]


def test_metadata_columns_reach_the_manifest(table, images, tmp_path):
    header = "image,patient_id,label,site,spacing_mm"
    path = table("a.png,P1,x,A,0.2", "b.png,P2,y,B,", header=header)
    data = prepare(path, images, tmp_path / "data", CONFIG)
    assert [row.spacing_mm for row in data.manifest] == [0.2, None]
    assert data.manifest[0].extra == {"bits": "8", "file_type": "png", "site": "A"}


def test_common_spacing_gives_one_scale(table, images, tmp_path):
    """At 0.2 mm a pixel, 32 pixels are 6.4 mm: 64 pixels of a 0.1 mm radiograph, 16 of a 0.4 mm one."""
    header = "image,patient_id,label,x,y,width,height,spacing_mm"
    path = table("a.png,P1,x,20,20,4,4,0.1", "b.png,P2,y,20,20,30,10,0.4", header=header)
    data = prepare(path, images, tmp_path / "data", DataConfig(image_size=32, context=0, spacing_mm=0.2))
    for number, (name, box) in enumerate([("a", (-10, -10, 64, 64)), ("b", (27, 17, 16, 16))]):
        pixels = np.asarray(Image.open(images / f"{name}.png"))
        np.testing.assert_array_equal(data.read(np.array([number]))[0], np.rint(crop_roi(pixels, box, 32, 0, "pad")))


def test_missing_spacing_is_said_once(good_table, images, tmp_path):
    notes: list[str] = []
    prepare(good_table, images, tmp_path / "data", CONFIG.model_copy(update={"spacing_mm": 0.2}), note=notes.append)
    assert len(notes) == 1
    assert "5 of 5 radiographs do not say their pixel spacing" in notes[0]


def test_keys_are_pseudonyms(good_table, images, tmp_path):
    data = prepare(good_table, images, tmp_path / "data", CONFIG)
    by_patient = {(row.patient_id, row.patient_key) for row in data.manifest}
    assert len(by_patient) == len({key for _, key in by_patient}) == 4
    assert all(len(row.roi_key) == len(row.image_key) == 12 for row in data.manifest)
    assert len({row.roi_key for row in data.manifest}) == 6


def read_all(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_same_input_same_bytes(good_table, images, tmp_path):
    first = prepare(good_table, images, tmp_path / "one", CONFIG)
    before = read_all(first.path)
    assert read_all(prepare(good_table, images, tmp_path / "two", CONFIG).path) == before
    assert read_all(prepare(good_table, images, tmp_path / "one", CONFIG).path) == before


def test_changed_pixels_change_the_hash(good_table, images, tmp_path):
    first = prepare(good_table, images, tmp_path / "one", CONFIG).content_hash
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(images / "a.png")
    assert prepare(good_table, images, tmp_path / "one", CONFIG).content_hash != first


def test_nothing_is_left_beside(good_table, images, tmp_path):
    before = {path.name for path in tmp_path.iterdir()}
    abandoned = tmp_path / ".data.preparing.xyz"
    abandoned.mkdir()
    prepare(good_table, images, tmp_path / "data", CONFIG)
    prepare(good_table, images, tmp_path / "data", CONFIG)
    assert {path.name for path in tmp_path.iterdir()} == before | {"data"}


BAD = {
    "outside": (
        ["a.png,P1,x,64,0,5,5", "b.png,P2,y,1,1,5,5"],
        r"line 2: the box .* lies outside image 'a\.png'.*64 × 48",
    ),
    "above": (["a.png,P1,x,1,1,5,5", "b.png,P2,y,1,-9,5,5"], "line 3: the box .* lies outside"),
    "one class": (["a.png,P1,x,1,1,5,5", "b.png,P2,x,1,1,5,5"], r"rois\.csv: only the class 'x'; at least two"),
}


@pytest.mark.parametrize(("lines", "message"), BAD.values(), ids=BAD)
def test_bad_rois_write_nothing(lines, message, table, images, tmp_path):
    path = table(*lines)
    before = {entry.name for entry in tmp_path.iterdir()}
    with pytest.raises(DataError, match=message):
        prepare(path, images, tmp_path / "data", CONFIG)
    assert {entry.name for entry in tmp_path.iterdir()} == before


def test_unreadable_image_is_named_with_its_line(good_table, images, tmp_path):
    (images / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    with pytest.raises(DataError, match=r"rois\.csv, line 4: image .*c\.png: not a readable"):
        prepare(good_table, images, tmp_path / "data", CONFIG)
    assert not (tmp_path / "data").exists()


def test_image_that_breaks_while_decoding_leaves_the_old_data_set(good_table, images, tmp_path):
    before = read_all(prepare(good_table, images, tmp_path / "data", CONFIG).path)
    content = (images / "e.png").read_bytes()
    (images / "e.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"e\.png: cannot be decoded"):
        prepare(good_table, images, tmp_path / "data", CONFIG)
    assert read_all(tmp_path / "data") == before
    assert not [entry for entry in tmp_path.iterdir() if "preparing" in entry.name]


def test_label_outside_the_configured_classes(good_table, images, tmp_path):
    with pytest.raises(DataError, match=r"line 2: label 'normal' is not of data\.classes \['sick', 'ill'\]"):
        prepare(good_table, images, tmp_path / "data", DataConfig(classes=("sick", "ill")))


def test_configured_class_without_rois(good_table, images, tmp_path):
    """Another hospital may have no patient of one class; the order of classes stays that of the model."""
    notes: list[str] = []
    config = DataConfig(classes=("sick", "large", "normal"), image_size=32)
    data = prepare(good_table, images, tmp_path / "data", config, note=notes.append)
    assert data.classes == ("sick", "large", "normal")
    assert data.labels.tolist() == [2, 0, 2, 0, 0, 2]
    assert any("no ROI of the class 'large', which data.classes names" in note for note in notes)
    with pytest.raises(DataError, match="no ROI of the class 'large'; a network cannot learn it"):
        refuse_leaks(data)


def test_configured_class_twice(good_table, images, tmp_path):
    with pytest.raises(DataError, match="names a class more than once"):
        prepare(good_table, images, tmp_path / "data", DataConfig(classes=("sick", "normal", "sick")))


def test_no_patient_known(images, tmp_path):
    shape = {"label": "x", "points": [[1, 1], [9, 9]], "shape_type": "rectangle"}
    other = {**shape, "label": "y"}
    (tmp_path / "a.json").write_text(json.dumps({"imagePath": "a.png", "shapes": [shape, other]}))
    with pytest.raises(DataError, match=r"a\.json, shape 1: no patient is known of image 'a\.png'; give --patients"):
        prepare(tmp_path / "a.json", images, tmp_path / "data", CONFIG)


@pytest.mark.parametrize("values", [("0.1", "0.2"), ("0", "0"), ("wide", "wide"), ("nan", "nan")])
def test_bad_spacing(values, table, images, tmp_path):
    header = "image,patient_id,label,spacing_mm"
    path = table(*(f"a.png,P,{label},{value}" for label, value in zip("xy", values, strict=True)), header=header)
    expected = "expected millimetres a pixel, from 0.001 to 10|another row"
    with pytest.raises(DataError, match=rf"line \d: spacing_mm '.*'; ({expected})"):
        prepare(path, images, tmp_path / "data", CONFIG)


def test_folder_that_is_no_data_set_is_refused(good_table, images, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.doc").write_text("mine")
    with pytest.raises(DataError, match="data: exists and is not a prepared data set"):
        prepare(good_table, images, tmp_path / "data", CONFIG)
    assert (tmp_path / "data" / "thesis.doc").read_text() == "mine"


def test_empty_folder_is_filled(good_table, images, tmp_path):
    (tmp_path / "data").mkdir()
    assert len(prepare(good_table, images, tmp_path / "data", CONFIG)) == 6


def test_file_in_the_way(good_table, images, tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(CwpError, match="exists and is not a prepared data set"):
        prepare(good_table, images, tmp_path / "data", CONFIG)


def test_place_that_cannot_be_written(good_table, images):
    with pytest.raises(CwpError, match=r"cannot write .*a\.png.data: "):
        prepare(good_table, images, images / "a.png" / "data", CONFIG)


def test_full_disk_leaves_the_old_data_set(good_table, images, tmp_path, monkeypatch):
    before = read_all(prepare(good_table, images, tmp_path / "data", CONFIG).path)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pathlib.Path, "write_text", refuse)
    with pytest.raises(CwpError, match=r"cannot write .*data: No space left on device"):
        prepare(good_table, images, tmp_path / "data", CONFIG)
    monkeypatch.undo()
    assert read_all(tmp_path / "data") == before
    assert not [entry for entry in tmp_path.iterdir() if "preparing" in entry.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is of Linux")
def test_disk_that_is_full_under_the_crops(good_table, images, tmp_path, monkeypatch):
    """The crops go to /dev/full, which refuses what is written to it as a full disk does."""
    monkeypatch.setattr(crop_file, "open", lambda _, mode: open("/dev/full", mode), raising=False)  # noqa: SIM115
    before = {entry.name for entry in tmp_path.iterdir()}
    with pytest.raises(CwpError, match=r"cannot write .*data: No space left on device"):
        prepare(good_table, images, tmp_path / "data", CONFIG)
    assert {entry.name for entry in tmp_path.iterdir()} == before


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are of POSIX")
@pytest.mark.parametrize("name", ["crops.npy", "manifest.csv", "dataset.json"])
@pytest.mark.parametrize("cached", [False, True])
def test_every_file_may_meet_a_disk_that_takes_no_more(name, cached, good_table, images, tmp_path, monkeypatch):
    """The system refuses to write beyond the middle of the file, as a quota or a full disk would."""
    monkeypatch.setenv("KERAS_CWP_CACHE", str(tmp_path / "cache"))
    config = CONFIG if name == "crops.npy" else DataConfig(image_size=32, context=0)
    out = tmp_path / "data"
    whole = prepare(good_table, images, tmp_path / "whole", config).path
    sizes = {path.name: path.stat().st_size for path in whole.iterdir()}
    if name != "crops.npy":  # the crops come first, and must not be what the limit stops
        sizes["crops.npy"] = 0
        monkeypatch.setattr(crop_file.CropWriter, "put", lambda *_: None)
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    allowed = max([size for other, size in sizes.items() if size < sizes[name]], default=0)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((allowed + sizes[name]) // 2, limits[1]))
    try:
        with pytest.raises(CwpError, match=r"cannot write .*: File too large$"):
            prepare_cached(good_table, images, config) if cached else prepare(good_table, images, out, config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not out.exists()
    assert not [entry for entry in tmp_path.rglob("*") if "preparing" in entry.name or ".lock" in entry.name]
    assert not cached or list((tmp_path / "cache").iterdir()) == []


def test_scale_of_a_stretched_box(table, images, tmp_path):
    path = table("a.png,P1,x,0,0,16,8", "b.png,P2,y,2,2,10,20")
    stretched = prepare(path, images, tmp_path / "data", DataConfig(image_size=32, square="stretch")).manifest
    assert [(row.scale_x, row.scale_y) for row in stretched] == [(2, 4), (3.2, 1.6)]
    padded = prepare(path, images, tmp_path / "data", CONFIG).manifest
    assert [(row.scale_x, row.scale_y) for row in padded] == [(2, 2), (1.6, 1.6)]


def test_cache_is_used_and_repaired(good_table, images, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = prepare_cached(good_table, images, CONFIG)
    assert first.path.parent == tmp_path / "cache" / "keras_cwp"
    stamp = (first.path / "dataset.json").stat().st_mtime_ns
    assert prepare_cached(good_table, images, CONFIG).path == first.path
    assert (first.path / "dataset.json").stat().st_mtime_ns == stamp
    crops = first.path / "crops.npy"
    crops.write_bytes(crops.read_bytes()[:-9])
    assert prepare_cached(good_table, images, CONFIG).path == first.path
    PreparedData.open(first.path)


def test_cache_knows_other_pixels_and_other_settings(good_table, images, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = prepare_cached(good_table, images, CONFIG).path
    assert prepare_cached(good_table, images, DataConfig(image_size=48)).path != first
    shutil.copy(images / "b.png", images / "a.png")
    assert prepare_cached(good_table, images, CONFIG).path != first


def test_real_radiographs(shared, tmp_path):
    folder = shared / "data" / "cwp_sim"
    data = prepare(folder / "rois.csv", folder / "images", tmp_path / "data", DataConfig(image_size=64))
    counts = data.meta["counts"]
    assert (counts["rois"], counts["images"], counts["patients"]) == (187, 69, 52)
    assert {name: n["rois"] for name, n in counts["classes"].items()} == {
        "large_opacity": 33, "normal": 53, "small_opacities": 101
    }  # fmt: skip
    assert np.bincount(data.labels).tolist() == [33, 53, 101]  # large_opacity, normal, small_opacities


def test_folder_that_another_process_prepares_into_is_refused(good_table, images, tmp_path):
    before = read_all(prepare(good_table, images, tmp_path / "data", CONFIG).path)
    with locked_folder(tmp_path / "data"), pytest.raises(CwpError, match="data is in use by another process"):
        prepare(good_table, images, tmp_path / "data", CONFIG)
    assert read_all(tmp_path / "data") == before
    assert len(prepare(good_table, images, tmp_path / "data", CONFIG)) == 6


def test_cache_waits_for_another_process_and_takes_what_that_made(good_table, images, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_CWP_CACHE", str(tmp_path / "cache"))
    made = prepare_cached(good_table, images, CONFIG).path
    aside = made.rename(tmp_path / "aside")
    with locked_folder(made):  # as another process would
        waiting = ThreadPoolExecutor().submit(prepare_cached, good_table, images, CONFIG)
        with pytest.raises(NotYet):
            waiting.result(timeout=0.5)
        stamp = (aside.rename(made) / "crops.npy").stat().st_mtime_ns
    assert waiting.result(timeout=60).path == made
    assert (made / "crops.npy").stat().st_mtime_ns == stamp


BROKEN = {"b": b"", "d": None, "e": b"no picture"}  # None: cut off within the pixels


def spoilt(images, *names: str) -> None:
    for name in names:
        path = images / f"{name}.png"
        path.write_bytes(path.read_bytes()[:900] if BROKEN[name] is None else BROKEN[name] or b"")


@pytest.mark.parametrize("workers", [1, 2])
def test_one_run_names_every_radiograph_that_cannot_be_used(workers, good_table, images, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_cwp.data.cut._LEAST_FOR_PROCESSES", 1)
    spoilt(images, "b", "d", "e")
    with pytest.raises(DataError, match=r"3 entries cannot be used: ") as caught:
        prepare(good_table, images, tmp_path / "data", CONFIG, workers=workers)
    message = str(caught.value)
    for line, name, reason in (
        (3, "b", "the file is empty"),
        (5, "d", "cannot be decoded"),
        (7, "e", "not a readable"),
    ):
        assert f"line {line}: image {images / name}.png: {reason}" in message
    assert not (tmp_path / "data").exists()


def test_they_can_be_left_out_and_are_counted(good_table, images, tmp_path):
    spoilt(images, "b", "d")
    notes: list[str] = []
    config = DataConfig(image_size=32, classes=("normal", "sick"))
    data = prepare(good_table, images, tmp_path / "data", config, skip_bad=True, note=notes.append)
    assert sorted(set(data.manifest.texts("image").tolist())) == ["a.png", "c.png", "e.png"]
    assert any("2 entries left out: " in note and "b.png" in note and "d.png" in note for note in notes)
    clean = tmp_path / "clean.csv"
    lines = good_table.read_text().splitlines()
    clean.write_text("\n".join(line for line in lines if not line.startswith(("b.png", "d.png"))) + "\n")
    expected = prepare(clean, images, tmp_path / "other", config)
    np.testing.assert_array_equal(data.read(np.arange(len(data))), expected.read(np.arange(len(expected))))


@pytest.mark.parametrize("linked", [False, True])
def test_the_others_are_decoded_once(linked, good_table, images, tmp_path, monkeypatch):
    spoilt(images, "b", "d")
    decoded: list[str] = []
    decode = cut.decode

    def counted(content, path, config):
        decoded.append(path.name)
        return decode(content, path, config)

    monkeypatch.setattr(cut, "decode", counted)
    config = DataConfig(image_size=32, classes=("normal", "sick"), link_duplicates=linked)
    data = prepare(good_table, images, tmp_path / "data", config, skip_bad=True)
    assert sorted(decoded) == ["a.png", "c.png", "d.png", "e.png"]  # b.png has no header that can be read
    assert read_all(prepare(good_table, images, tmp_path / "again", config, skip_bad=True).path) == read_all(data.path)


def test_crops_are_cut_again_where_the_lost_radiograph_changed_how_they_are_stored(table, images, tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (48, 48)).astype(np.uint16)
    Image.fromarray(deep).save(images / "deep.png")
    whole = (images / "deep.png").read_bytes()
    (images / "deep.png").write_bytes(whole[: len(whole) // 2])
    path = table("deep.png,P0,n,1,1,20,20", "a.png,P,n,1,1,20,20", "c.png,Q,s,1,1,20,20")
    data = prepare(path, images, tmp_path / "data", CONFIG, skip_bad=True)
    assert data.dtype == np.uint8
    clean = prepare(table("a.png,P,n,1,1,20,20", "c.png,Q,s,1,1,20,20"), images, tmp_path / "clean", CONFIG)
    np.testing.assert_array_equal(data.read(np.arange(2)), clean.read(np.arange(2)))


def test_a_note_of_the_header_is_said_once(tmp_path):
    (tmp_path / "images").mkdir()
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 4096, (48, 48)).astype(np.uint16)
        dicom(tmp_path / "images" / f"{number}.dcm", pixels, PatientID=f"P{number}", PixelAspectRatio=[0, 7])
    (tmp_path / "rois.csv").write_text("image,label\n0.dcm,n\n1.dcm,s\n")
    notes: list[str] = []
    prepare(tmp_path / "rois.csv", tmp_path / "images", tmp_path / "data", CONFIG, note=notes.append)
    assert len([note for note in notes if "PixelAspectRatio" in note]) == 1, notes


def test_a_box_outside_and_a_line_that_is_wrong_are_left_out_too(table, images, tmp_path):
    path = table("a.png,P,n,1,1,20,20", "b.png,Q,s,1,1,20,20", "c.png,R,s,100,1,5,5", "gone.png,R,s,1,1,5,5")
    data = prepare(path, images, tmp_path / "data", CONFIG, skip_bad=True)
    assert data.manifest.texts("image").tolist() == ["a.png", "b.png"]
    with pytest.raises(DataError, match="lies outside image"):
        prepare(table("a.png,P,n,1,1,20,20", "c.png,R,s,100,1,5,5"), images, tmp_path / "other", CONFIG)
