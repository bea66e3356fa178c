"""ROI tables of every format: what they say, and the message for each way in which one can be wrong."""

from __future__ import annotations

import json
import os

import pytest

from keras_cwp.data.annotations.read import read_rois
from keras_cwp.errors import DataError


def test_csv(good_table, images):
    rois = read_rois(good_table, images)
    assert [roi.image for roi in rois] == ["a.png", "b.png", "c.png", "d.png", "d.png", "e.png"]
    assert [roi.patient_id for roi in rois] == ["P1", "P1", "P2", "P3", "P3", "P4"]
    assert rois[3].box == (40.5, 20.25, 10, 10)
    assert len({roi.roi_id for roi in rois}) == 6
    assert rois[4].where.endswith("rois.csv, line 6")


def test_semicolons_byte_order_mark_and_blank_lines(tmp_path, images):
    path = tmp_path / "excel.csv"
    path.write_bytes("\ufeffimage;patient_id;label\r\na.png;1;normal\r\n\r\nb.png;2;s\u00edlice\r\n".encode())
    rois = read_rois(path, images)
    assert [(roi.label, roi.box) for roi in rois] == [("normal", None), ("sílice", None)]


def test_known_extra_columns_are_kept(table, images):
    path = table("a.png,P1,normal,A,0.15", header="image,patient_id,label,site,spacing_mm")
    assert read_rois(path, images)[0].extra == {"site": "A", "spacing_mm": "0.15"}


def test_patient_per_image(table, images):
    path = table("a.png,normal", "b.png,sick", header="image,label")
    assert [roi.patient_id for roi in read_rois(path, images, patient_per_image=True)] == ["a.png", "b.png"]


def test_patients_file(table, images, tmp_path):
    path = table("a.png,normal", "b.png,sick", header="image,label")
    patients = tmp_path / "patients.csv"
    patients.write_text("patient_id,image\nX,b.png\nY,a.png\n")
    assert [roi.patient_id for roi in read_rois(path, images, patients=patients)] == ["Y", "X"]


BAD_TABLES = {
    "missing patient_id": ("image,label", ["a.png,normal"], "no patient_id column .*--patient-per-image"),
    "unknown column": ("image,patient_id,lable", ["a.png,P,n"], "unknown column 'lable'; did you mean 'label'.*known"),
    "no label column": ("image,patient_id", ["a.png,P"], "no label column"),
    "part of a box": ("image,patient_id,label,x,y", ["a.png,P,n,1,1"], "of a box only x, y"),
    "column twice": ("image,image,label", ["a.png,a.png,n"], "column 'image' stands more than once"),
    "no rows": ("image,patient_id,label", [], "only a header"),
    "short row": ("image,patient_id,label", ["a.png,P"], "line 2: 2 fields, the header has 3"),
    "open quote": ("image,patient_id,label", ['"a.png,P,n'], "cannot be read as a CSV table"),
    "no such image": ("image,patient_id,label", ["a.pgn,P,n"], "line 2: no image 'a.pgn' in .*nearest.*'a.png'"),
    "empty image": ("image,patient_id,label", [",P,n"], "line 2: the image name '' is empty"),
    "empty label": ("image,patient_id,label", ["a.png,P,"], "line 2: label is empty"),
    "empty patient": ("image,patient_id,label", ["a.png,,n"], "line 2: patient_id is empty"),
    "absolute": ("image,patient_id,label", ["/etc/passwd,P,n"], "'/etc/passwd' leads out of the images folder"),
    "drive": ("image,patient_id,label", ["C:\\a.png,P,n"], "leads out of the images folder"),
    "up": ("image,patient_id,label", ["x/../../a.png,P,n"], "leads out of the images folder"),
    "backslash up": ("image,patient_id,label", ["..\\a.png,P,n"], "leads out of the images folder"),
    "folder": ("image,patient_id,label", [".,P,n"], "no image '.'|empty or not a file name"),
    "long name": ("image,patient_id,label", ["a" * 5000 + ",P,n"], "no image 'aaa"),
    "box in words": (None, ["a.png,P,n,1,1,ten,1"], "line 2: the box .*'ten'.* is not four numbers"),
    "box in part": (None, ["a.png,P,n,1,1,,"], "is not four numbers"),
    "box without area": (None, ["a.png,P,n,1,1,0,5"], r"line 2: the box \(1.0, 1.0, 0.0, 5.0\).*has no area"),
    "negative side": (None, ["a.png,P,n,1,1,5,-5"], "has no area"),
    "infinite": (None, ["a.png,P,n,inf,1,5,5"], "no finite number"),
    "not a number": (None, ["a.png,P,n,1,nan,5,5"], "no finite number"),
    "two patients": (
        "image,patient_id,label",
        ["a.png,P,n", "a.png,Q,n"],
        "line 3: image 'a.png' is of another patient here than at .*line 2",
    ),
    "repeated id": (
        "image,patient_id,label,roi_id",
        ["a.png,P,n,7", "b.png,Q,n,7"],
        "line 3: roi_id '7' stands already at .*line 2",
    ),
}


@pytest.mark.parametrize(("header", "lines", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_table(header, lines, message, table, images):
    path = table(*lines, header=header) if header else table(*lines)
    with pytest.raises(DataError, match=message) as caught:
        read_rois(path, images)
    assert "rois.csv" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00a", b"image,label,patient_id\na\0.png,n,P"])
def test_table_of_other_bytes(content, tmp_path, images):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.csv"):
        read_rois(tmp_path / "t.csv", images)


def test_no_table(tmp_path, images):
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        read_rois(tmp_path / "none.csv", images)


def test_no_images_folder(good_table, tmp_path):
    with pytest.raises(DataError, match=r"images folder .*none: no such folder"):
        read_rois(good_table, tmp_path / "none")


def test_other_suffix(tmp_path, images):
    (tmp_path / "rois.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"got '\.xlsx'"):
        read_rois(tmp_path / "rois.xlsx", images)


def test_link_out_of_the_folder(table, images, tmp_path):
    (tmp_path / "outside.png").write_bytes((images / "a.png").read_bytes())
    (images / "link.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(DataError, match=r"'link\.png' is a link out of the images folder"):
        read_rois(table("link.png,P,n,1,1,5,5"), images)


def test_link_within_the_folder(table, images):
    (images / "link.png").symlink_to(images / "a.png")
    assert read_rois(table("link.png,P,n,1,1,5,5"), images)[0].image == "link.png"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
def test_pipe_does_not_hang(table, images):
    os.mkfifo(images / "pipe.png")
    with pytest.raises(DataError, match=r"no image 'pipe\.png'"):
        read_rois(table("pipe.png,P,n,1,1,5,5"), images)


def coco() -> dict:
    return {
        "images": [{"id": 1, "file_name": "a.png", "patient_id": "P1"}, {"id": 2, "file_name": "b.png"}],
        "categories": [{"id": 5, "name": "sick"}],
        "annotations": [
            {"id": 1, "image_id": 2, "category_id": 5, "bbox": [1, 2.5, 3, 4]},
            {"id": 2, "image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4]},
        ],
    }


def test_coco(tmp_path, images):
    (tmp_path / "c.json").write_text(json.dumps(coco()))
    rois = read_rois(tmp_path / "c.json", images)
    assert [(roi.image, roi.patient_id, roi.label, roi.box) for roi in rois] == [
        ("b.png", None, "sick", (1, 2.5, 3, 4)),
        ("a.png", "P1", "sick", (1, 2, 3, 4)),
    ]


def test_coco_polygon_is_kept(tmp_path, images):
    tree = coco()
    tree["annotations"][0]["segmentation"] = [[1, 2.5, 4, 2.5, 4, 6.5]]
    tree["annotations"][1]["segmentation"] = {"counts": "run lengths", "size": [48, 64]}
    (tmp_path / "c.json").write_text(json.dumps(tree))
    rois = read_rois(tmp_path / "c.json", images)
    assert [roi.polygon for roi in rois] == [((1, 2.5), (4, 2.5), (4, 6.5)), None]


def spoil(path: list, value: object) -> str:
    tree = coco()
    place: object = tree
    for key in path[:-1]:
        place = place[key]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    return json.dumps(tree)


BAD_COCO = {
    "unknown image": (["annotations", 0, "image_id"], 9, "annotation 1: image_id 9 is not among"),
    "unknown category": (["annotations", 1, "category_id"], [5], r"annotation 2: category_id \[5\]"),
    "no box": (["annotations", 0, "bbox"], [], r"annotation 1: bbox is \[\]"),
    "endless number": (["annotations", 0, "bbox"], [10**400, 2, 3, 4], r"bbox is \[1000"),
    "box of text": (["annotations", 0, "bbox"], ["1", 2, 3, 4], "bbox is"),
    "no area": (["annotations", 0, "bbox"], [1, 2, 0, 4], "annotation 1: the box .* has no area"),
    "infinite": (["annotations", 0, "bbox"], [1, 2, float("inf"), 4], "no finite number"),
    "id twice": (["images", 1, "id"], 1, "images has the id 1"),
    "not a list": (["images"], {"a": 1}, "images must be a list of objects, got dict"),
    "list of numbers": (["annotations"], [1], "annotations must be a list of objects"),
    "name of another type": (["images", 1, "file_name"], 4, "file_name is 4, expected a text"),
    "path": (["images", 1, "file_name"], "../a.png", "leads out of the images folder"),
    "nothing": (["annotations"], [], "no regions of interest"),
}


@pytest.mark.parametrize(("path", "value", "message"), BAD_COCO.values(), ids=BAD_COCO)
def test_bad_coco(path, value, message, tmp_path, images):
    (tmp_path / "c.json").write_text(spoil(path, value))
    with pytest.raises(DataError, match=message) as caught:
        read_rois(tmp_path / "c.json", images)
    assert "c.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"a"', "[" * 100_000])
def test_other_json(text, tmp_path, images):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(DataError, match=r"c\.json: (cannot be read as JSON|neither COCO)"):
        read_rois(tmp_path / "c.json", images)


def labelme(**changes: object) -> dict:
    shape = {"label": "sick", "points": [[30, 8], [10, 20]], "shape_type": "rectangle"}
    return {"imagePath": "a.png", "shapes": [{**shape, **changes}]}


def test_labelme_rectangle_of_any_corners(tmp_path, images):
    (tmp_path / "a.json").write_text(json.dumps(labelme()))
    (roi,) = read_rois(tmp_path / "a.json", images)
    assert (roi.box, roi.polygon, roi.patient_id) == ((10, 8, 20, 12), None, None)


def test_labelme_polygon_keeps_its_outline(tmp_path, images):
    points = [[1, 2], [9, 3], [5, 8.5]]
    (tmp_path / "a.json").write_text(json.dumps(labelme(points=points, shape_type="polygon")))
    (roi,) = read_rois(tmp_path / "a.json", images)
    assert roi.box == (1, 2, 8, 6.5)
    assert roi.polygon == ((1, 2), (9, 3), (5, 8.5))


def test_labelme_folder_and_relative_path(tmp_path, images):
    folder = tmp_path / "marks"
    folder.mkdir()
    for name, path in (("a", "../images/a.png"), ("b", "C:\\scans\\b.png")):
        (folder / f"{name}.json").write_text(json.dumps({**labelme(), "imagePath": path}))
    assert [roi.image for roi in read_rois(folder, images)] == ["a.png", "b.png"]


BAD_LABELME = {
    "circle": ({"shape_type": "circle"}, "shape 1: shape_type 'circle'"),
    "one point": ({"points": [[1, 2]]}, "a rectangle needs 2 points, got 1"),
    "points of text": ({"points": [["a", 2], [3, 4]]}, "points must be a list"),
    "no points": ({"points": None}, "points must be a list"),
    "no label": ({"label": None}, "label is None"),
    "flat": ({"points": [[1, 2], [1, 9]]}, "has no area"),
}


@pytest.mark.parametrize(("changes", "message"), BAD_LABELME.values(), ids=BAD_LABELME)
def test_bad_labelme(changes, message, tmp_path, images):
    (tmp_path / "a.json").write_text(json.dumps(labelme(**changes)))
    with pytest.raises(DataError, match=message) as caught:
        read_rois(tmp_path / "a.json", images)
    assert "a.json" in str(caught.value)


@pytest.mark.parametrize("path", [None, "../../etc/passwd", "a\0.png", "", "a" * 5000 + ".png"])
def test_labelme_image_that_is_not_there(path, tmp_path, images):
    (tmp_path / "a.json").write_text(json.dumps({**labelme(), "imagePath": path}))
    with pytest.raises(DataError, match=r"a\.json: (imagePath|no image|the image name)"):
        read_rois(tmp_path / "a.json", images)


def test_empty_folder_of_annotations(tmp_path, images):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: no regions of interest in it"):
        read_rois(tmp_path / "empty", images)


def voc(body: str, name: str = "a.png") -> str:
    return f"<annotation><filename>{name}</filename>{body}</annotation>"


def voc_object(xmin: object = 1, xmax: object = 10, name: str = "sick") -> str:
    box = f"<xmin>{xmin}</xmin><ymin>3</ymin><xmax>{xmax}</xmax><ymax>8</ymax>"
    return f"<object><name>{name}</name><bndbox>{box}</bndbox></object>"


def test_voc_counts_from_one_and_includes_the_last_pixel(tmp_path, images):
    (tmp_path / "a.xml").write_text(voc(voc_object() + voc_object(5, 5, "well")))
    rois = read_rois(tmp_path / "a.xml", images)
    assert [(roi.label, roi.box) for roi in rois] == [("sick", (0, 2, 10, 6)), ("well", (4, 2, 1, 6))]


def test_voc_folder(tmp_path, images):
    folder = tmp_path / "marks"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.xml").write_text(voc(voc_object(), f"{name}.png"))
    (folder / "c.xml").write_text(voc("", "gone.png"))
    assert [roi.image for roi in read_rois(folder, images)] == ["a.png", "b.png"]


BAD_VOC = {
    "no xml": ("<annotation>", "cannot be read as XML"),
    "other root": ("<svg/>", "the root is <svg>"),
    "entities": ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "document type declaration is not accepted"),
    "no name": (voc(voc_object(name=" ")), "object 1: it has no name"),
    "text": (voc(voc_object(xmin="left")), r"object 1: bndbox is \['left'"),
    "no box": (voc("<object><name>x</name></object>"), r"object 1: bndbox is \[None"),
    "reversed": (voc(voc_object(10, 1)), "object 1: the box .* has no area"),
    "image": (voc(voc_object(), "../a.png"), "leads out of the images folder"),
}


@pytest.mark.parametrize(("text", "message"), BAD_VOC.values(), ids=BAD_VOC)
def test_bad_voc(text, message, tmp_path, images):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(DataError, match=rf"a\.xml.*{message}"):
        read_rois(tmp_path / "a.xml", images)


def via(shape: dict | None = None, attributes: object = None) -> dict:
    rect = {"name": "rect", "x": 1, "y": 2, "width": 30, "height": 4}
    region = {
        "shape_attributes": rect if shape is None else shape,
        "region_attributes": {"label": "sick"} if attributes is None else attributes,
    }
    return {"a.png123": {"filename": "a.png", "size": 123, "regions": [region]}}


def test_via_export_project_and_first_version(tmp_path, images):
    outline = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 3, 8]}
    first = via(attributes={"finding": "well"})
    first["a.png123"]["regions"] = {"0": first["a.png123"]["regions"][0]}
    for tree in (via(), {"_via_img_metadata": via()}):
        (tmp_path / "v.json").write_text(json.dumps(tree))
        assert [(r.label, r.box) for r in read_rois(tmp_path / "v.json", images)] == [("sick", (1, 2, 30, 4))]
    (tmp_path / "v.json").write_text(json.dumps(via(outline)))
    (roi,) = read_rois(tmp_path / "v.json", images)
    assert (roi.box, roi.polygon) == ((1, 2, 8, 6), ((1, 2), (9, 3), (5, 8)))
    (tmp_path / "v.json").write_text(json.dumps(first))
    assert read_rois(tmp_path / "v.json", images)[0].label == "well"


BAD_VIA = {
    "circle": (via({"name": "circle"}), "region 1: shape 'circle'"),
    "text": (via({"name": "rect", "x": "a", "y": 1, "width": 1, "height": 1}), "coordinates of its rect"),
    "uneven": (via({"name": "polygon", "all_points_x": [1], "all_points_y": [1, 2]}), "coordinates of its polygon"),
    "no points": (via({"name": "polygon", "all_points_x": [], "all_points_y": []}), "coordinates of its polygon"),
    "no class": (via(attributes={"a": "x", "b": "y"}), "no class: its attributes are .*--label-attribute"),
    "attributes": (via(attributes=[1]), r"region_attributes is \[1\]"),
    "regions": ({"k": {"filename": "a.png", "regions": 5}}, "regions that are no list"),
    "image": ({"k": {"filename": "../a.png", "regions": via()["a.png123"]["regions"]}}, "leads out"),
}


@pytest.mark.parametrize(("tree", "message"), BAD_VIA.values(), ids=BAD_VIA)
def test_bad_via(tree, message, tmp_path, images):
    (tmp_path / "v.json").write_text(json.dumps(tree))
    with pytest.raises(DataError, match=rf"v\.json.*{message}"):
        read_rois(tmp_path / "v.json", images)


def test_class_tree(images):
    for label, names in (("sick", "ab"), ("well/ward 3", "c")):
        (images / label).mkdir(parents=True)
        for name in names:
            (images / f"{name}.png").rename(images / label / f"{name}.png")
    for name in "def":
        (images / f"{name}.png").unlink()
    (images / "sick" / "notes.txt").write_text("kept out")
    rois = read_rois(images, images, patient_per_image=True)
    assert [(roi.image, roi.label, roi.box) for roi in rois] == [
        ("sick/a.png", "sick", None),
        ("sick/b.png", "sick", None),
        ("well/ward 3/c.png", "well", None),
    ]


def test_class_tree_with_a_stray_radiograph(images):
    with pytest.raises(DataError, match=r"a\.png: lies beside the class folders"):
        read_rois(images, images)


def test_class_tree_outside_the_images_folder(tmp_path, images):
    (tmp_path / "tree" / "x").mkdir(parents=True)
    (images / "a.png").rename(tmp_path / "tree" / "x" / "a.png")
    with pytest.raises(DataError, match=r"a\.png: lies outside the images folder"):
        read_rois(tmp_path / "tree", images)


def test_labels_are_mapped_or_left_out(good_table, images, tmp_path):
    (tmp_path / "map.yaml").write_text("normal: null\nsick: opacity\n")
    rois = read_rois(good_table, images, labels=tmp_path / "map.yaml")
    assert [(roi.image, roi.label) for roi in rois] == [(name, "opacity") for name in ("b.png", "d.png", "d.png")]


BAD_MAPS = {
    "a label missing": ("sick: s\n", "no entry for 'normal', which .*line 2 uses"),
    "a list": ("- sick\n", "expected lines such as .* got list"),
    "a list as a class": ("sick: [1]\n", r"'sick' is mapped to \['1'\]; expected a class name or null"),
    "no yaml": ("a: b: c\n", "cannot be read as YAML"),
    "all left out": ("sick: null\nnormal: null\n", "no regions of interest"),
}


@pytest.mark.parametrize(("text", "message"), BAD_MAPS.values(), ids=BAD_MAPS)
def test_bad_label_map(text, message, good_table, images, tmp_path):
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(DataError, match=message):
        read_rois(good_table, images, labels=tmp_path / "map.yaml")


BAD_PATIENTS = {
    "other columns": ("image,patient\na.png,1\n", "expected the columns image, patient_id, got image, patient"),
    "image missing": ("image,patient_id\nb.png,1\n", r"no patient for image 'a\.png', which .*line 2 uses"),
    "two patients": ("image,patient_id\na.png,1\na.png,2\n", r"line 3: image 'a\.png' has another patient here"),
    "empty id": ("image,patient_id\na.png,\n", "line 2: patient_id is empty"),
}


@pytest.mark.parametrize(("text", "message"), BAD_PATIENTS.values(), ids=BAD_PATIENTS)
def test_bad_patients_file(text, message, table, images, tmp_path):
    patients = tmp_path / "patients.csv"
    patients.write_text(text)
    with pytest.raises(DataError, match=message):
        read_rois(table("a.png,n", header="image,label"), images, patients=patients)


def test_the_same_regions_in_three_formats(shared):
    """cwp_sim says the same in CSV, COCO and LabelMe."""
    folder = shared / "data" / "cwp_sim"
    csv, coco_ = (read_rois(folder / name, folder / "images") for name in ("rois.csv", "rois_coco.json"))

    def said(rois, names=None):
        return sorted((r.image, r.patient_id, r.label, r.box) for r in rois if names is None or r.image in names)

    assert said(csv) == said(coco_)
    marks = read_rois(folder / "labelme", folder / "images")
    names = {roi.image for roi in marks}
    assert len(names) == 3
    assert [(i, lab, b) for i, _, lab, b in said(csv, names)] == [
        (i, lab, b) for i, lab, b in sorted((r.image, r.label, r.box) for r in marks)
    ]
