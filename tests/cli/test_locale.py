"""A system that takes everything for ASCII: names of any letters are found, and no message ends in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ASCII = (
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
    {"LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
)


def run(home: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[bytes]:
    """keras-cwp in `home`, with none of this process's own settings of the language."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    command = [sys.executable, "-m", "keras_cwp", *words]
    path = os.pathsep.join(str(Path(each).resolve()) for each in sys.path if each)
    return subprocess.run(
        command, cwd=home, env={**kept, "PYTHONPATH": path, **environment}, capture_output=True, check=False
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """胸片/ with four radiographs and 标注.csv."""
    folder = tmp_path / "胸片"
    (folder / "图像").mkdir(parents=True)
    lines = ["image,patient_id,label"]
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 40), np.uint8)
        Image.fromarray(pixels).save(folder / "图像" / f"片{number}.png")
        lines.append(f"片{number}.png,王{'甲乙'[number % 2]},{('正常', '小阴影')[number % 2]}")
    (folder / "标注.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("environment", ASCII, ids=lambda environment: " ".join(environment))
def test_chinese_names_in_an_ascii_locale(environment: dict[str, str], home: Path) -> None:
    files = ("--rois", "标注.csv", "--images", "图像", "--out", "数据", "--set", "data.image_size=32")
    done = run(home, environment, "prepare", *files)
    assert done.returncode == 0, done.stderr
    assert b"4 ROIs on 4 radiographs of 2 patients" in done.stdout
    assert "王甲" in (home / "数据" / "manifest.csv").read_text(encoding="utf-8")
    wrong = run(home, environment, "prepare", "--rois", "没有.csv", *files[2:])
    assert wrong.returncode == 1
    assert b"no such file" in wrong.stderr
    assert b"Traceback" not in wrong.stderr


def test_what_a_terminal_cannot_show_is_escaped(home: Path) -> None:
    environment = {"PYTHONIOENCODING": "iso8859-1", "LC_ALL": "C.UTF-8"}
    wrong = run(home, environment, "prepare", "--rois", "没有.csv", "--images", "图像", "--out", "数据")
    assert wrong.stderr == rb"keras-cwp: ROI table \u6ca1\u6709.csv: no such file" + os.linesep.encode()


def test_a_file_name_in_another_encoding_is_named_or_read(home: Path) -> None:
    (home / "图像" / "片0.png").rename(os.fsdecode(os.fsencode(home / "图像") + b"/\xc6\xac.png"))  # GBK
    done = run(home, {"LC_ALL": "C.UTF-8"}, "prepare", "--rois", "标注.csv", "--images", "图像", "--out", "数据")
    assert done.returncode == 1
    assert "no image '片0.png'".encode() in done.stderr
    assert b"Traceback" not in done.stderr
