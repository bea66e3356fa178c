"""Writes the same boxes in every annotation format, with the variations that tools and people bring."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Marked:
    """A box on a radiograph: name below the images folder, side of the square film, box and label."""

    image: str
    side_px: int
    box: tuple[float, float, float, float]
    label: str


class Habits:
    """How this writer writes; every choice comes from one seed.

    Args:
        seed: of the choices.
        scale: side of the copies that were marked, as a share of the radiographs'; 1 where a format states no size.
    """

    def __init__(self, seed: int, scale: float) -> None:
        self.random, self.scale = random.Random(seed), scale
        self.bare = self.random.random() < 0.3
        self.prefix = self.random.choice(("", "", "./", ".\\"))
        self.upper = self.random.random() < 0.2
        self.pad = self.random.choice(("", "", " ", "\u00a0", "\u200b"))

    def name(self, image: str) -> str:
        """The radiograph's name in one of the spellings that mean the same file."""
        name = str(PurePosixPath(image).with_suffix("")) if self.bare else image
        name = name.replace("/", "\\") if self.prefix == ".\\" else name
        return self.prefix + (name.upper() if self.upper else name)

    def label(self, label: str) -> str:
        """The label with a blank or an invisible character behind it."""
        return label + self.pad

    def box(self, marked: Marked) -> tuple[float, float, float, float]:
        """x, y, width, height on the copy that was marked."""
        x, y, width, height = (side * self.scale for side in marked.box)
        return x, y, width, height

    def side(self, marked: Marked) -> int:
        """Side of the copy."""
        return round(marked.side_px * self.scale)

    def text(self, text: str, path: Path, encodings: tuple[str, ...]) -> None:
        """Write a file in one of some encodings that can hold it."""
        fitting = [name for name in encodings if _fits(text, name)]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(self.random.choice(fitting)))

    def clutter(self, folder: Path, suffix: str) -> None:
        """What operating systems leave beside the files."""
        if self.random.random() < 0.5:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"._left{suffix}").write_bytes(b"\0\5\x16\7")
            (folder / ".DS_Store").write_bytes(b"\0")


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


_JSON = ("utf-8", "utf-8-sig", "utf-16")
_TABLES = ("utf-8", "utf-8-sig", "utf-16", "gb2312")


def table(rois: list[Marked], folder: Path, habits: Habits) -> Path:
    """A ROI table as Excel writes it: any separator, decimal comma, columns in any order, empty columns at the end."""
    separator = habits.random.choice(",;\t")
    comma = separator != "," and habits.random.random() < 0.5
    columns = ["image", "label", "x", "y", "width", "height", "image_width", "image_height", "sex"]
    habits.random.shuffle(columns)
    title = habits.random.choice((str, str.upper, str.title))
    stream = io.StringIO()
    if habits.random.random() < 0.3:
        stream.write(f"sep={separator}\r\n")
    writer = csv.writer(stream, delimiter=separator)
    surplus = [""] * habits.random.randint(0, 2)
    writer.writerow([*map(title, columns), *surplus])
    for roi in rois:
        box = [f"{side:.2f}".replace(".", "," if comma else ".") for side in habits.box(roi)]
        row = dict(zip(("x", "y", "width", "height"), box, strict=True))
        row |= {"image": habits.name(roi.image), "label": habits.label(roi.label), "sex": "F"}
        row |= dict.fromkeys(("image_width", "image_height"), str(habits.side(roi)))
        writer.writerow([*(row[name] for name in columns), *surplus])
        if habits.random.random() < 0.1:
            stream.write("\r\n")
    path = folder / f"rois{habits.random.choice(('.csv', '.tsv', '.txt', '.CSV'))}"
    habits.text(stream.getvalue(), path, _TABLES)
    return path


def coco(rois: list[Marked], folder: Path, habits: Habits) -> Path:
    """COCO, some boxes turned by a right angle as CVAT notes it, some outlines."""
    names = list(dict.fromkeys(roi.image for roi in rois))
    labels = list(dict.fromkeys(roi.label for roi in rois))
    sides = {roi.image: habits.side(roi) for roi in rois}
    annotations = []
    for number, roi in enumerate(rois):
        x, y, width, height = habits.box(roi)
        item: dict = {"id": number, "image_id": names.index(roi.image), "category_id": labels.index(roi.label)}
        kind = habits.random.randrange(4)
        if kind == 1:
            item["attributes"] = {"rotation": habits.random.choice((90, 270, -90))}
            x, y, width, height = x + width / 2 - height / 2, y + height / 2 - width / 2, height, width
        item["bbox"] = [x, y, width, height]
        corners = [x, y, x + width, y, x + width, y + height, x, y + height]
        item["segmentation"] = [[corners], [[1.0, 2.0]], [corners], {"counts": [1], "size": [2, 2]}][kind]
        if kind == 2:
            item["bbox"] = []
        annotations.append(item)
    images = [
        {"id": n, "file_name": habits.name(name), "width": sides[name], "height": sides[name]}
        for n, name in enumerate(names)
    ]
    tree = {
        "images": images,
        "categories": [{"id": n, "name": habits.label(label)} for n, label in enumerate(labels)],
        "annotations": annotations,
    }
    habits.text(json.dumps(tree, ensure_ascii=habits.random.random() < 0.5), folder / "coco.json", _JSON)
    return folder / "coco.json"


def _by_image(rois: Iterable[Marked]) -> dict[str, list[Marked]]:
    found: dict[str, list[Marked]] = {}
    for roi in rois:
        found.setdefault(roi.image, []).append(roi)
    return found


def _place(folder: Path, image: str, suffix: str, habits: Habits) -> Path:
    """Where the file of one radiograph goes: the same name, in a folder of any depth."""
    depth = habits.random.choice(("", "batch 1", "batch 2/late"))
    return folder / depth / PurePosixPath(image).with_suffix(suffix).name


def labelme(rois: list[Marked], folder: Path, habits: Habits) -> Path:
    """LabelMe, in nested folders: rectangles from any corner, and polygons."""
    for image, of_image in _by_image(rois).items():
        shapes = []
        for roi in of_image:
            x, y, width, height = habits.box(roi)
            corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
            first = habits.random.randrange(4)
            kind = habits.random.choice(("rectangle", "polygon"))
            points = [corners[first], corners[first - 2]] if kind == "rectangle" else corners
            shapes.append({"label": habits.label(roi.label), "points": points, "shape_type": kind})
        side = habits.side(of_image[0])
        tree = {"imagePath": image, "imageWidth": side, "imageHeight": side, "imageData": None, "shapes": shapes}
        habits.text(json.dumps(tree), _place(folder / "labelme", image, ".json", habits), _JSON)
    habits.clutter(folder / "labelme", ".json")
    return folder / "labelme"


def voc(rois: list[Marked], folder: Path, habits: Habits) -> Path:
    """Pascal VOC, in nested folders."""
    for image, of_image in _by_image(rois).items():
        objects = ""
        for roi in of_image:
            x, y, width, height = habits.box(roi)
            ends = {"xmin": x + 1, "ymin": y + 1, "xmax": x + width, "ymax": y + height}
            box = "".join(f"<{name}>{value}</{name}>" for name, value in ends.items())
            objects += f"<object><name>{escape(habits.label(roi.label))}</name><bndbox>{box}</bndbox></object>"
        side = habits.side(of_image[0])
        size = f"<size><width>{side}</width><height>{side}</height><depth>1</depth></size>"
        name = escape(habits.name(image))
        text = f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"
        habits.text(text, _place(folder / "voc", image, ".xml", habits), ("utf-8", "utf-8-sig"))
    habits.clutter(folder / "voc", ".xml")
    return folder / "voc"


def _via_regions(roi: Marked, habits: Habits) -> tuple[dict, dict]:
    x, y, width, height = roi.box
    shape: dict = {"name": "rect", "x": x, "y": y, "width": width, "height": height}
    if habits.random.random() < 0.5:
        xs, ys = [x, x + width, x + width, x], [y, y, y + height, y + height]
        shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    label = habits.label(roi.label)
    return shape, {"finding": {label: True} if habits.random.random() < 0.5 else label, "comment": ""}


def via(rois: list[Marked], folder: Path, habits: Habits) -> Path:
    """VIA JSON: project or export, regions as a list or, in version 1, by number."""
    tree = {}
    for image, of_image in _by_image(rois).items():
        listed = [
            dict(zip(("shape_attributes", "region_attributes"), _via_regions(roi, habits), strict=True))
            for roi in of_image
        ]
        by_number = habits.random.random() < 0.5
        regions = {str(n): region for n, region in enumerate(listed)} if by_number else listed
        tree[f"{image}-1"] = {"filename": habits.name(image), "size": -1, "regions": regions, "file_attributes": {}}
    whole = {"_via_settings": {}, "_via_img_metadata": tree} if habits.random.random() < 0.5 else tree
    habits.text(json.dumps(whole), folder / "via.json", _JSON)
    return folder / "via.json"


def via_csv(rois: list[Marked], folder: Path, habits: Habits) -> Path:
    """VIA CSV of version 1 or 2."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    first = habits.random.choice(("filename", "#filename"))
    header = [first, "file_size", "file_attributes", "region_count", "region_id"]
    writer.writerow([*header, "region_shape_attributes", "region_attributes"])
    for roi in rois:
        shape, attributes = _via_regions(roi, habits)
        writer.writerow([habits.name(roi.image), -1, "{}", 1, 0, json.dumps(shape), json.dumps(attributes)])
    habits.text(stream.getvalue(), folder / "via.csv", _TABLES[:3])
    return folder / "via.csv"


def via3(rois: list[Marked], folder: Path, habits: Habits) -> Path:
    """A VIA 3 project."""
    names = list(dict.fromkeys(roi.image for roi in rois))
    labels = list(dict.fromkeys(roi.label for roi in rois))
    metadata = {}
    for number, roi in enumerate(rois):
        x, y, width, height = roi.box
        outline = [7, x, y, x + width, y, x + width, y + height, x, y + height]
        metadata[f"{number}_x"] = {
            "vid": str(names.index(roi.image)),
            "z": [],
            "xy": outline if habits.random.random() < 0.5 else [2, x, y, width, height],
            "av": {"1": str(labels.index(roi.label))},
        }
    options = {str(n): habits.label(label) for n, label in enumerate(labels)}
    tree = {
        "project": {"pid": "__VIA_PROJECT_ID__"},
        "config": {},
        "attribute": {"1": {"aname": "finding", "type": 4, "options": options}},
        "file": {str(n): {"fid": n, "fname": habits.name(name), "src": name} for n, name in enumerate(names)},
        "view": {str(n): {"fid_list": [n]} for n in range(len(names))},
        "metadata": metadata,
    }
    habits.text(json.dumps(tree), folder / "via3.json", _JSON)
    return folder / "via3.json"


def via3_csv(rois: list[Marked], folder: Path, habits: Habits) -> Path:
    """What VIA 3 exports as CSV, with or without a spreadsheet between."""
    tree = json.loads(via3(rois, folder, Habits(habits.random.randrange(2**31), 1.0)).read_bytes())
    attribute = json.dumps(tree["attribute"], separators=(",", ":"), ensure_ascii=False)
    columns = "metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata"
    comments = ["# Exported using VGG Image Annotator", f"# ATTRIBUTE = {attribute}", f"# CSV_HEADER = {columns}"]
    resaved = habits.random.random() < 0.5
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_MINIMAL if resaved else csv.QUOTE_NONNUMERIC)
    for line in comments:
        writer.writerow(line.split(",")) if resaved else stream.write(f"{line}\n")
    for key, entry in tree["metadata"].items():
        (number,) = tree["view"][entry["vid"]]["fid_list"]
        cells = [json.dumps(each) for each in ([tree["file"][str(number)]["fname"]], entry["xy"], entry["av"])]
        writer.writerow([key, cells[0], 0, "[]", cells[1], cells[2]])
    habits.text(stream.getvalue(), folder / "via3.csv", _TABLES[:2])
    return folder / "via3.csv"


def yolo(rois: list[Marked], folder: Path, habits: Habits) -> Path:
    """YOLO labels, beside a list of names or below a data.yaml; boxes and outlines."""
    labels = list(dict.fromkeys(roi.label for roi in rois))
    for image, of_image in _by_image(rois).items():
        lines = []
        for roi in of_image:
            x, y, width, height = (side / roi.side_px for side in roi.box)
            numbers = [x + width / 2, y + height / 2, width, height]
            if habits.random.random() < 0.5:
                numbers = [x, y, x + width, y, x + width, y + height, x, y + height]
            lines.append(" ".join([str(labels.index(roi.label)), *(f"{number:.6f}" for number in numbers)]))
        habits.text("\n".join(lines) + "\n", _place(folder / "labels", image, ".txt", habits), _JSON[:2])
    names = {
        "classes.txt": "\n".join(habits.label(label) for label in labels),
        "../data.yaml": f"nc: {len(labels)}\nnames: {json.dumps(labels)}\n",
        "obj.names": "\n".join(labels) + "\n",
        "data.yml": "names:\n" + "".join(f"  {n}: {label}\n" for n, label in enumerate(labels)),
    }
    chosen = habits.random.choice(sorted(names))
    habits.text(names[chosen], folder / "labels" / chosen, _JSON[:2])
    habits.clutter(folder / "labels", ".txt")
    return folder / "labels"


def _studio_region(roi: Marked, habits: Habits) -> dict:
    """In percent; some turned by a right angle about the upper left corner."""
    side = habits.side(roi)
    x, y, width, height = (100 * value / side for value in habits.box(roi))
    size = {"original_width": side, "original_height": side}
    kind = habits.random.randrange(3)
    if kind == 0:
        points = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
        return {"points": points, "polygonlabels": [habits.label(roi.label)], **size}
    box = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
    if kind == 1:
        box = {"x": x + width, "y": y, "width": height, "height": width, "rotation": 90}
    return {**box, "rectanglelabels": [habits.label(roi.label)], **size}


def _studio_tasks(rois: list[Marked], habits: Habits) -> list[tuple[str, list[dict]]]:
    links = ("{}", "/data/upload/1/0a1b2c3d-{}", "/data/local-files/?d={}", "s3://bucket/films/{}")
    tasks = []
    for image, of_image in _by_image(rois).items():
        link = habits.random.choice(links).format(image)
        tasks.append((link, [_studio_region(roi, habits) for roi in of_image]))
    return tasks


def label_studio(rois: list[Marked], folder: Path, habits: Habits) -> Path:
    """Label Studio JSON or JSON-MIN."""
    tree: list[dict] = []
    short = habits.random.random() < 0.5
    for number, (image, regions) in enumerate(_studio_tasks(rois, habits)):
        if short:
            tree.append({"image": image, "id": number, "box": regions, "annotator": 1, "annotation_id": number})
            continue
        sizes = ("original_width", "original_height")
        results = [
            {
                **{name: region[name] for name in sizes},
                "value": {name: value for name, value in region.items() if name not in sizes},
            }
            for region in regions
        ]
        tree.append({"id": number, "data": {"image": image}, "annotations": [{"id": number, "result": results}]})
    habits.text(json.dumps(tree), folder / "studio.json", _JSON)
    return folder / "studio.json"


def label_studio_csv(rois: list[Marked], folder: Path, habits: Habits) -> Path:
    """Label Studio CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["annotation_id", "annotator", "created_at", "id", "image", "label"])
    for number, (image, regions) in enumerate(_studio_tasks(rois, habits)):
        writer.writerow([number, 1, "2026-01-01T00:00:00Z", number, image, json.dumps(regions)])
    habits.text(stream.getvalue(), folder / "studio.csv", _TABLES[:3])
    return folder / "studio.csv"


Writer = Callable[[list[Marked], Path, Habits], Path]
# Which formats state the size of the picture that was marked: those can be about copies of another size.
SIZED: dict[str, Writer] = {
    "table": table,
    "coco": coco,
    "labelme": labelme,
    "voc": voc,
    "label_studio": label_studio,
    "label_studio_csv": label_studio_csv,
}
UNSIZED: dict[str, Writer] = {"via": via, "via_csv": via_csv, "via3": via3, "via3_csv": via3_csv, "yolo": yolo}
