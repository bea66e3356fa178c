"""The same files give the same bytes on every processor: a data set prepared under several settings."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from PIL import Image
from support.dicom_file import dicom

PREPARE = """
import sys
from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare
from keras_cwp.data.radiographs.windows import window_values
import cv2
import numpy as np
cv2.setUseOptimized(sys.argv[3] == "fast")
for name, more in {"apply": {}, "ignore": {"voi": "ignore", "spacing_mm": 0.3}}.items():
    config = DataConfig(image_size=48, **more)
    prepare(f"{sys.argv[1]}/rois.csv", f"{sys.argv[1]}/films", f"{sys.argv[2]}/{name}", config)
window_values(np.linspace(-6000, 9000, 65536), 1000, 900, "SIGMOID").tofile(f"{sys.argv[2]}/sigmoid")
"""
_DISPATCHED = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
SETTINGS = {
    "an older processor": {
        "OPENBLAS_CORETYPE": "Haswell",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "NPY_DISABLE_CPU_FEATURES": " ".join(_DISPATCHED),
    },
    "an old processor": {
        "OPENBLAS_CORETYPE": "Prescott",
        "OPENBLAS_NUM_THREADS": "2",
        "NPY_DISABLE_CPU_FEATURES": " ".join(_DISPATCHED),
        "OPENCV_CPU_DISABLE": "AVX2,AVX512-SKX",
        "JSIMD_FORCENONE": "1",
    },
}


def write_films(folder: Path) -> None:
    """Grey with each window function and with a rescale, colour with every lossy encoding, PNG and JPEG."""
    random = np.random.default_rng(5)
    smooth = np.add.outer(np.arange(120) * 17, np.arange(100) * 19) % 4096
    grey = (smooth + random.integers(0, 64, smooth.shape)).clip(0, 4095).astype(np.uint16)
    colour = np.stack([grey // 16, grey // 17, 255 - grey // 18], axis=-1).astype(np.uint8)
    films = folder / "films"
    films.mkdir()
    for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        window = {"WindowCenter": "1801.3", "WindowWidth": "1733.7", "VOILUTFunction": function}
        dicom(films / f"{function}.dcm", grey, RescaleSlope="0.7", RescaleIntercept="-11.3", **window)
    dicom(films / "colour.dcm", colour, bits=8, ImagerPixelSpacing=["0.19", "0.19"])
    dicom(films / "plain.dcm", grey, PixelSpacing=["0.17", "0.17"])
    Image.fromarray(colour).save(films / "colour.png")
    Image.fromarray(colour).save(films / "colour.jpg", quality=80)
    Image.fromarray(grey).save(films / "grey.png")
    names = sorted(path.name for path in films.iterdir())
    rows = [f"{name},{n},{'ab'[n % 2]},3.3,4.7,61.9,55.1" for n, name in enumerate(names)]
    (folder / "rois.csv").write_text("\n".join(["image,patient_id,label,x,y,width,height", *rows]))


def prepared(folder: Path, out: Path, settings: dict[str, str]) -> dict[str, str]:
    """SHA-256 of each file of both data sets."""
    command = [sys.executable, "-c", PREPARE, str(folder), str(out), "slow" if settings else "fast"]
    subprocess.run(command, check=True, env=os.environ | settings)
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.slow
def test_a_data_set_is_the_same_on_every_processor(tmp_path):
    write_films(tmp_path)
    expected = prepared(tmp_path, tmp_path / "here", {})
    assert len(expected) >= 6
    for name, settings in SETTINGS.items():
        assert prepared(tmp_path, tmp_path / name, settings) == expected, name
