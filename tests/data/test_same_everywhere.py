"""What `prepare` stores and how patients are divided does not depend on the processor's instructions or on threads.

The same work is done in processes that are denied what NumPy, OpenCV, OpenBLAS and libjpeg-turbo would choose here.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.dicom_file import dicom

CODE = """
import hashlib, sys
import cv2
import numpy as np
from keras_cwp.config import Config, DataConfig
from keras_cwp.data.fold_plan import fold_parts
from keras_cwp.data.pipeline import epoch_order
from keras_cwp.data.prepare import prepare
from keras_cwp.data.splits import three_way
config = Config(data=DataConfig(image_size=48))
data = prepare(sys.argv[1], sys.argv[2], sys.argv[3], config.data)
parts = fold_parts(data, config)
one = three_way(data.patients, data.label_names, 0.2, 0.2, 3)
order = epoch_order(data, np.arange(len(data)), 1, 2, 50)
print(data.content_hash, data.meta["salt"])
print(hashlib.sha256(repr([parts[k].tolist() for k in parts] + one.tolist() + order.tolist()).encode()).hexdigest())
"""


def denied() -> dict[str, str]:
    """Settings under which only the least instructions of the architecture are used, in one thread."""
    core = importlib.import_module(("numpy._core" if hasattr(np, "_core") else "numpy.core") + "._multiarray_umath")
    features = " ".join(name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name))
    return {
        "NPY_DISABLE_CPU_FEATURES": features,
        "OPENCV_CPU_DISABLE": "SSE4.1,SSE4.2,AVX,AVX2,FP16,AVX512-SKX,AVX512-ICL,AVX512-CNL,AVX512-CLX",
        "OPENBLAS_CORETYPE": "Prescott",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "JSIMD_FORCENONE": "1",
    }


def done(place: Path, name: str, settings: dict[str, str]) -> str:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        CODE,
        *(str(place / part) for part in ("rois.csv", "images", name)),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **settings}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """JPEG, PNG of 16 bits, DICOM with windows of each kind, in colour; boxes that begin within a pixel."""
    folder = tmp_path_factory.mktemp("same")
    images = folder / "images"
    images.mkdir()
    random = np.random.default_rng(0)
    lines = ["image,patient_id,label,x,y,width,height"]
    for number in range(24):
        smooth = np.linspace(0, 1, 301)[:, None] * np.linspace(0.2, 1, 277) + random.normal(0, 0.05, (301, 277))
        deep = (smooth.clip(0, 1) * 4095).astype(np.uint16)
        name = f"{number}.{('jpg', 'png', 'dcm')[number % 3]}"
        if name.endswith("jpg"):
            Image.fromarray((deep >> 4).astype(np.uint8)).save(images / name, quality=90)
        elif name.endswith("png"):
            Image.fromarray(deep * 16).save(images / name)
        elif number % 12 == 2:
            dicom(images / name, np.stack([deep >> 4, deep >> 5, 255 - (deep >> 4)], axis=2).astype(np.uint8), bits=8)
        else:
            window = {"WindowCenter": "2000.3", "WindowWidth": "1234.5"}
            function = ("LINEAR", "SIGMOID", "LINEAR_EXACT")[number // 3 % 3]
            dicom(images / name, deep, VOILUTFunction=function, RescaleSlope="1.37", RescaleIntercept="-7.1", **window)
        for _ in range(12):
            x, y = random.uniform(0, 150, 2).round(3)
            side = round(random.uniform(20, 140), 3)
            lines.append(f"{name},P{number},{'ab'[number // 3 % 2]},{x},{y},{side},{side * 0.8:.3f}")
    (folder / "rois.csv").write_text("\n".join(lines))
    return folder


@pytest.mark.slow
def test_the_same_bytes_and_folds_whatever_instructions_are_used(place):
    assert done(place, "here", {}) == done(place, "denied", denied())
    assert (place / "here" / "crops.npy").read_bytes() == (place / "denied" / "crops.npy").read_bytes()
