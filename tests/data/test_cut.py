"""Cutting in processes and taking over what did not change: the same bytes as cutting everything here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.kill_prepare import kill_prepare

from keras_cwp.config import DataConfig
from keras_cwp.data import cut
from keras_cwp.data.prepare import prepare

CONFIG = DataConfig(image_size=32)


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """A folder with 80 radiographs and a table of two ROIs on each, not in the order of the radiographs."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "images").mkdir()
    lines = ["image,patient_id,label,x,y,width,height"]
    for number in range(80):
        noise = np.random.default_rng(number).integers(0, 256, (60, 70), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "images" / f"{number}.png")
    for turn in range(2):
        for number in range(80):
            lines.append(f"{number}.png,P{number // 2},{'ab'[(number + turn) % 2]},{5 + turn},{number % 30},20,20")
    (folder / "rois.csv").write_text("\n".join(lines))
    return folder


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def make(many: Path, out: Path, **options):
    return prepare(many / "rois.csv", many / "images", out, CONFIG, **options)


def test_processes_give_the_same_bytes(many, tmp_path):
    one = make(many, tmp_path / "one")
    two = make(many, tmp_path / "two", workers=2)
    assert read_all(one.path) == read_all(two.path)


def test_progress_reaches_the_end(many, tmp_path):
    seen: list[tuple[int, int]] = []
    make(many, tmp_path / "data", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (80, 80)
    assert seen == sorted(seen)


def test_only_what_changed_is_cut_again(many, tmp_path, monkeypatch):
    images = tmp_path / "images"
    images.mkdir()
    for path in (many / "images").iterdir():
        (images / path.name).write_bytes(path.read_bytes())
    table = tmp_path / "rois.csv"
    table.write_text((many / "rois.csv").read_text())
    out = tmp_path / "data"
    prepare(table, images, out, CONFIG)

    asked: list[str] = []
    really_cut = cut.cut_picture

    def watched(picture, *rest):
        asked.append(picture.image)
        return really_cut(picture, *rest)

    monkeypatch.setattr(cut, "cut_picture", watched)
    prepare(table, images, out, CONFIG)
    assert asked == []
    Image.fromarray(np.zeros((60, 70), np.uint8)).save(images / "3.png")
    table.write_text(table.read_text().replace("7.png,P3,b,5,7,20,20", "7.png,P3,b,5,7,25,20"))
    changed = prepare(table, images, out, CONFIG)
    assert sorted(asked) == ["3.png", "7.png"]
    assert read_all(changed.path) == read_all(prepare(table, images, tmp_path / "fresh", CONFIG).path)
    asked.clear()
    prepare(table, images, out, DataConfig(image_size=32, context=0.5))
    assert len(asked) == 80


def test_a_damaged_data_set_is_not_taken_over(many, tmp_path):
    before = read_all(make(many, tmp_path / "data").path)
    crops = tmp_path / "data" / "crops.npy"
    content = bytearray(crops.read_bytes())
    content[500] ^= 255
    crops.write_bytes(content)
    assert read_all(make(many, tmp_path / "data").path) == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of POSIX")
def test_killed_at_any_moment_the_next_run_ends_with_the_same_bytes(many, tmp_path):
    """Two moments here; scripts/kill_prepare.py does the twenty of the acceptance test."""
    killed = kill_prepare(many / "rois.csv", many / "images", tmp_path, moments=2, seed=0)
    assert killed >= 1
