"""A RUN with its data set, and films to read, for tests of the reader."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from support.dicom_file import dicom
from support.small_run import CLASSES, CONTEXT, IMAGE_SIZE, write_model

TEMPERATURE = 2.0
THRESHOLDS = {"large_opacity": 0.2, "normal": 0.6, "small_opacities": None}
LOWEST = {"large_opacity": 0.3, "normal": 0.0, "small_opacities": 0.9}
SIZE = (160, 120)  # width and height of the films


def rough(seed: int, size: tuple[int, int] = SIZE, white: int = 255) -> np.ndarray:
    """Smooth noise, [height, width] in uint8 or uint16."""
    coarse = np.random.default_rng(seed).uniform(0, white, (9, 9))
    fine = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).clip(0, white)
    return fine.astype(np.uint8 if white < 256 else np.uint16)


def write_films(folder: Path) -> Path:
    """Two PNG of 8 and 16 bits, and a DICOM file of 12 bits with window, spacing, patient and a person's name."""
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "a.png"), rough(1))
    cv2.imwrite(str(folder / "b.png"), rough(2, white=65535))
    dicom(
        folder / "c.dcm",
        rough(3, white=4095),
        PatientID="P7",
        PatientName="Meier^Anna",
        StudyInstanceUID="1.2.3",
        SeriesInstanceUID="1.2.3.4",
        WindowCenter="2000",
        WindowWidth="1500",
        PixelSpacing=[0.2, 0.2],
    )
    return folder


def write_run(folder: Path) -> Path:
    """A RUN of fit with an untrained network of 64 pixels, decisions, and the data set that it names."""
    from keras_cwp.config import dump_config, load_config
    from keras_cwp.data.prepare import prepare
    from keras_cwp.data.split_file import split_csv
    from keras_cwp.training.run import ModelContract

    run, data, images = folder / "run", folder / "data", folder / "train"
    images.mkdir(parents=True)
    lines = ["image,patient_id,label,x,y,width,height"]
    for patient in range(70):
        cv2.imwrite(str(images / f"{patient}.png"), rough(100 + patient))
        lines += [f"{patient}.png,T{patient},{CLASSES[(patient + roi) % 3]},{10 + 60 * roi},20,50,50" for roi in (0, 1)]
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    config = load_config(None, {"data.image_size": IMAGE_SIZE, "data.context": CONTEXT})
    prepared = prepare(folder / "train.csv", images, data, config.data)
    write_model(run, region_share=(0.05, 0.13, 0.3))
    (run / "config.yaml").write_text(dump_config(config))
    replace(ModelContract.read(run), data_hash=prepared.content_hash).write(run)
    parts = np.array(["train" if int(name[1:]) < 18 else "validation" for name in prepared.patients])
    parts[np.array([int(name[1:]) >= 40 for name in prepared.patients])] = "test"  # 104 ROIs are held out
    (run / "split.csv").write_text(split_csv(prepared, {0: parts}))
    info = {"kind": "fit", "data": str(data), "data_hash": prepared.content_hash}
    (run / "run.json").write_text(json.dumps(info))
    metrics = {
        "locked": {"rule": "Youden", "temperature": TEMPERATURE, "roi": THRESHOLDS},
        "conformal": {"coverage": 0.9, "thresholds": LOWEST},
    }
    (run / "metrics.json").write_text(json.dumps(metrics))
    return run
