"""Damages good input in every way that a seed leads to, and checks that it is read or refused, never more."""

from __future__ import annotations

import csv as csv_module
import io
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image

from keras_cwp.config import DataConfig, load_config
from keras_cwp.data.annotations.read import read_rois
from keras_cwp.data.plan import make_plan
from keras_cwp.data.prepare import prepare
from keras_cwp.data.prepared import PreparedData
from keras_cwp.data.radiographs.radiograph import read_header, read_radiograph
from keras_cwp.errors import CwpError
from support.annotation_writers import Habits, Marked, via3, via_csv

KINDS = (
    "png",
    "png16",
    "jpeg",
    "tiff",
    "dicom",
    "dicom_raw",
    "csv",
    "coco",
    "labelme",
    "voc",
    "via",
    "via3",
    "via_csv",
    "label_studio",
    "label_studio_csv",
    "yaml",
    "labels",
    "patients",
    "data",
    "crops",
)
TEXTS = (
    "csv", "coco", "labelme", "voc", "via", "via3", "via_csv", "label_studio", "label_studio_csv", "yaml", "labels",
    "patients",
)  # fmt: skip
LIMIT_S = 20.0  # one attempt; a hang, not a slow machine

_NUMBERS = (
    "1" * 400,
    "1e308",
    "-1",
    "99999999999999999999",
    "NaN",
    "Infinity",
    "0",
    "",
    "1.5",
    "0x10",
    "null",
    "[]",
    '"1"',
)
_NAMES = (
    "../../../etc/passwd",
    "/etc/passwd",
    "a\\..\\..\\b.png",
    "link.png",
    "images",
    ".",
    "~",
    "\u202e.png",
    "con:1",
)
_ODD = ("\0", "\ufeff", '"', "<", "{", "[" * 400, "\r", ";", "'", "&lt;", "\ud7ff", "!!python/object:os.system ")


class Fuzzer:
    """Good input of each kind in a folder, and attempts on damaged copies of it.

    Args:
        folder: an empty one, for everything that is written.
        shared: the shared data folder, for a real compressed DICOM file.
    """

    def __init__(self, folder: Path, shared: Path, seed: int) -> None:
        self.folder, self.random = folder, np.random.default_rng(seed)
        self.tried = self.refused = 0
        self.slowest_s = 0.0
        self.images = folder / "images"
        self.images.mkdir()
        self._draw_images()
        (folder / "secret.png").write_bytes((self.images / "a.png").read_bytes())
        (self.images / "link.png").symlink_to(folder / "secret.png")
        self.good = self._good(shared)

    def try_once(self, kind: str) -> None:
        """One attempt on damaged input of a kind.

        Raises:
            AssertionError: anything but a correct read or a CwpError that names the file; or it took too long.
        """
        suffix = {
            "png16": "png",
            "dicom": "dcm",
            "dicom_raw": "dcm",
            "coco": "json",
            "labelme": "json",
            "voc": "xml",
            "via": "json",
            "via3": "json",
            "via_csv": "csv",
            "label_studio": "json",
            "label_studio_csv": "csv",
            "patients": "csv",
            "labels": "yaml",
        }
        path = self.folder / f"victim.{suffix.get(kind, kind)}"
        content = self.damaged(kind)
        if kind in ("data", "crops"):
            path = self._damaged_data("crops.npy" if kind == "crops" else "*")
        else:
            path.write_bytes(content)
        start = time.monotonic()
        try:
            self._readers()[kind](path)
        except CwpError as error:
            self.refused += 1
            if path.name not in str(error) and "images" not in str(error):
                raise AssertionError(f"{kind}: no file named in: {error}") from None
        except Exception as error:
            kept = self.folder / f"failed_{kind}_{self.tried}"
            if path.is_file():
                shutil.copy(path, kept)
            raise AssertionError(f"{kind}, attempt {self.tried}, kept as {kept}: {error!r}") from error
        self.tried += 1
        self.slowest_s = max(self.slowest_s, time.monotonic() - start)
        assert self.slowest_s < LIMIT_S, f"{kind}: {self.slowest_s:.1f} s"

    def damaged(self, kind: str) -> bytes:
        """A good input of the kind with one to three faults."""
        content = self.good[kind]
        for _ in range(int(self.random.integers(1, 4))):
            damages = [_flip, _cut, _drop, _double, _insert]
            if kind in TEXTS:
                damages += [_renumber, _rename, _oddity] * 2
            content = damages[int(self.random.integers(len(damages)))](content, self.random)
        return content

    def _readers(self) -> dict[str, Callable[[Path], object]]:
        return {
            **dict.fromkeys(("png", "png16", "jpeg", "tiff", "dicom", "dicom_raw"), _read_picture),
            **dict.fromkeys(("csv", "coco", "labelme", "voc", "via"), self._read_rois),
            **dict.fromkeys(("via3", "via_csv", "label_studio", "label_studio_csv"), self._read_rois),
            "yaml": load_config,
            "labels": lambda path: read_rois(self.folder / "good.csv", self.images, labels=path),
            "patients": lambda path: read_rois(self.folder / "good.csv", self.images, patients=path),
            "crops": _read_unverified,
            "data": lambda path: PreparedData.open(path).read(np.arange(2)),
        }

    def _read_rois(self, path: Path) -> None:
        rois = read_rois(path, self.images, patient_per_image=True)
        for roi in rois:
            assert os.path.realpath(roi.path).startswith(os.path.realpath(self.images)), f"led to {roi.path}"
        make_plan(rois, DataConfig(), str(path))

    def _draw_images(self) -> None:
        for number, name in enumerate(("a", "b", "c")):
            noise = np.random.default_rng(number).integers(0, 256, (40, 50), dtype=np.uint8)
            Image.fromarray(noise).save(self.images / f"{name}.png")

    def _good(self, shared: Path) -> dict[str, bytes]:
        deep = Image.fromarray(np.random.default_rng(1).integers(0, 65536, (40, 50), dtype=np.uint16))
        grey = Image.open(self.images / "a.png")
        csv = (
            "image,patient_id,label,x,y,width,height\na.png,P1,x,1,2,10,10\nb.png,P2,y,3,4,10,12\nc.png,P3,x,0,0,5,5\n"
        )
        (self.folder / "good.csv").write_text(csv)
        shapes = [{"label": label, "points": [[1, 2], [20, 30]], "shape_type": "rectangle"} for label in "xy"]
        boxes = [{"id": i, "image_id": i, "category_id": 1 + i % 2, "bbox": [1, 2.5, 10, 12]} for i in range(1, 4)]
        coco = {
            "images": [{"id": i, "file_name": f"{name}.png", "patient_id": f"P{i}"} for i, name in enumerate("abc", 1)],
            "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}],
            "annotations": boxes,
        }
        corners = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>20</xmax><ymax>30</ymax></bndbox>"
        region = {"shape_attributes": {"name": "rect", "x": 1, "y": 2, "width": 9, "height": 8}}
        regions = [region | {"region_attributes": {"label": label}} for label in "xy"]
        objects = "".join(f"<object><name>{name}</name>{corners}</object>" for name in "xy")
        prepare(self.folder / "good.csv", self.images, self.folder / "prepared", DataConfig(image_size=32))
        return {
            "png": (self.images / "a.png").read_bytes(),
            "png16": _encoded(deep, "PNG"),
            "jpeg": _encoded(grey, "JPEG"),
            "tiff": _encoded(deep, "TIFF"),
            "dicom": (shared / "data" / "dicom" / "rsna_chest.dcm").read_bytes(),
            "dicom_raw": (Path(pydicom.__file__).parent / "data" / "test_files" / "MR_small.dcm").read_bytes(),
            "csv": csv.encode(),
            "coco": json.dumps(coco).encode(),
            "labelme": json.dumps({"imagePath": "a.png", "shapes": shapes}).encode(),
            "voc": f"<annotation><filename>a.png</filename>{objects}</annotation>".encode(),
            "via": json.dumps({"a.png9": {"filename": "a.png", "size": 9, "regions": regions}}).encode(),
            **self._by_other_tools(),
            "patients": b"image,patient_id\na.png,P1\nb.png,P2\nc.png,P3\n",
            "crops": b"",
            "yaml": b"seed: 3\ndata:\n  image_size: 160\n  classes: [x, y]\ntrain: {epochs: 3, ema_momentum: 0.9}\n",
            "labels": b"x: one\ny: two\n",
            "data": b"",
        }

    def _by_other_tools(self) -> dict[str, bytes]:
        """One file of each format whose writer is in annotation_writers."""
        rois = [
            Marked(f"{name}.png", 50, (2.0, 3.0, 20.0, 22.0), label) for name, label in zip("abc", "xyx", strict=True)
        ]
        made = {}
        for kind, write in {"via3": via3, "via_csv": via_csv}.items():
            made[kind] = write(rois, self.folder / "tools", Habits(1, 1.0)).read_bytes()
        size = {"original_width": 50, "original_height": 40}
        box = {"x": 10, "y": 20, "width": 40, "height": 50, "rotation": 0, "rectanglelabels": ["x"], **size}
        tasks = [
            {
                "image": f"{name}.png",
                "id": n,
                "label": [{**box, "rectanglelabels": [label]}],
                "annotator": 1,
                "annotation_id": n,
            }
            for n, (name, label) in enumerate(zip("abc", "xyx", strict=True))
        ]
        stream = io.StringIO()
        writer = csv_module.DictWriter(stream, list(tasks[0]))
        writer.writeheader()
        writer.writerows({**task, "label": json.dumps(task["label"])} for task in tasks)
        return made | {"label_studio": json.dumps(tasks).encode(), "label_studio_csv": stream.getvalue().encode()}

    def _damaged_data(self, pattern: str) -> Path:
        victim = self.folder / "victim.data"
        shutil.rmtree(victim, ignore_errors=True)
        shutil.copytree(self.folder / "prepared", victim)
        files = sorted(victim.glob(pattern))
        path = files[int(self.random.integers(len(files)))]
        content = path.read_bytes()
        damages = [_flip, _cut, _drop, _double, _insert, *([_renumber] if path.suffix != ".npy" else [])]
        path.write_bytes(damages[int(self.random.integers(len(damages)))](content, self.random))
        return victim


def _encoded(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def _read_unverified(path: Path) -> None:
    """Without comparing hashes, as a run opens its own data: wrong pixels may come, but no fault and no other size."""
    data = PreparedData.open(path, verify=False)
    assert data.read(np.arange(len(data))).shape == (len(data), data.crop_size, data.crop_size)
    PreparedData.open(path)


def _read_picture(path: Path) -> None:
    read_header(path)
    picture = read_radiograph(path).to_unit()
    assert picture.ndim == 2
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1


def _place(content: bytes, random: np.random.Generator) -> int:
    """Mostly anywhere, often near the start, where headers are."""
    reach = len(content) if random.random() < 0.5 else min(len(content), 256)
    return int(random.integers(max(reach, 1)))


def _flip(content: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(content or b"\0")
    for _ in range(int(random.integers(1, 9))):
        changed[_place(changed, random)] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _cut(content: bytes, random: np.random.Generator) -> bytes:
    return content[: _place(content, random)]


def _drop(content: bytes, random: np.random.Generator) -> bytes:
    start = _place(content, random)
    return content[:start] + content[start + int(random.integers(1, 40)) :]


def _double(content: bytes, random: np.random.Generator) -> bytes:
    start = _place(content, random)
    return content[: start + int(random.integers(1, 60))] + content[start:]


def _insert(content: bytes, random: np.random.Generator) -> bytes:
    start = _place(content, random)
    return content[:start] + random.bytes(int(random.integers(1, 30))) + content[start:]


def _renumber(content: bytes, random: np.random.Generator) -> bytes:
    return _replace(content, rb"-?\d+(\.\d+)?", _NUMBERS, random)


def _rename(content: bytes, random: np.random.Generator) -> bytes:
    return _replace(content, rb"\w+\.png", _NAMES, random)


def _oddity(content: bytes, random: np.random.Generator) -> bytes:
    return _replace(content, rb"\w+", _ODD, random)


def _replace(content: bytes, pattern: bytes, choices: tuple[str, ...], random: np.random.Generator) -> bytes:
    found = list(re.finditer(pattern, content))
    if not found:
        return content
    match = found[int(random.integers(len(found)))]
    chosen = choices[int(random.integers(len(choices)))].encode()
    return content[: match.start()] + chosen + content[match.end() :]
