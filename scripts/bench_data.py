"""Speed and memory of data preparation and of the training pipeline.

    python scripts/bench_data.py [decode] [pipeline] [memory]

decode: images/s of `prepare` against the decoder alone, one process each. pipeline: crops/s delivered. memory: peak
of preparing and reading 1,000 and 100,000 ROIs, each in a process of its own.
"""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def write_table(path: Path, names: list[str]) -> Path:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "patient_id", "label"])
        writer.writerows([name, f"P{number}", "ab"[number % 2]] for number, name in enumerate(names))
    return path


def draw_jpegs(folder: Path, side: int, count: int) -> None:
    from PIL import Image

    from keras_cwp.data.thorax import Anatomy, draw_thorax

    water = draw_thorax(Anatomy.draw(np.random.default_rng(0)), side).water
    grey = 255 * water / water.max()
    for number in range(count):
        noise = np.random.default_rng(number).normal(0, 2, grey.shape)
        Image.fromarray((grey + noise).clip(0, 255).astype(np.uint8)).save(folder / f"{number}.jpg", quality=90)


def draw_dicoms(folder: Path, side: int, count: int) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    for number in range(count):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.Rows = dataset.Columns = side
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME1"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
        dataset.WindowCenter, dataset.WindowWidth = "2048", "3000"
        values = np.random.default_rng(number).integers(0, 4096, (side, side), dtype=np.uint16)
        dataset.PixelData = values.tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def decode_alone(path: Path) -> None:
    if path.suffix == ".dcm":
        import pydicom

        _ = pydicom.dcmread(path).pixel_array
    else:
        from PIL import Image

        with Image.open(path) as image:
            np.asarray(image)


def bench_decode() -> None:
    import tensorflow as tf  # noqa: F401 - loaded by prepare; not part of what is timed

    from keras_cwp.config import DataConfig
    from keras_cwp.data.prepare import prepare

    kinds: tuple[tuple[str, Callable[[Path, int, int], None], int, int], ...] = (
        ("JPEG, 224 px", draw_jpegs, 224, 2000),
        ("JPEG, 1024 px", draw_jpegs, 1024, 200),
        ("DICOM 12 bit, 2048 px", draw_dicoms, 2048, 60),
    )
    for name, draw, side, count in kinds:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "images"
            folder.mkdir()
            draw(folder, side, count)
            files = sorted(folder.iterdir())
            table = write_table(Path(place) / "rois.csv", [file.name for file in files])
            start = time.perf_counter()
            for file in files:
                decode_alone(file)
            alone = count / (time.perf_counter() - start)
            start = time.perf_counter()
            prepare(table, folder, Path(place) / "data", DataConfig())
            whole = count / (time.perf_counter() - start)
        print(f"{name:22} decoder {alone:7.0f}/s   prepare {whole:7.0f}/s   ratio {whole / alone:.2f}", flush=True)


def bench_pipeline() -> None:
    from keras_cwp.config import DataConfig
    from keras_cwp.data.pipeline import batches
    from keras_cwp.data.prepare import prepare

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "images"
        folder.mkdir()
        draw_jpegs(folder, 280, 2000)
        table = write_table(Path(place) / "rois.csv", [file.name for file in sorted(folder.iterdir())])
        data = prepare(table, folder, Path(place) / "data", DataConfig(image_size=280))
        start, seen = time.perf_counter(), 0
        for _, _, rows in batches(data, batch_size=32, seed=0, epochs=range(4)):
            seen += len(rows)
        print(f"pipeline, 280 px crops, batch 32: {seen / (time.perf_counter() - start):.0f} crops/s")


def measure_memory(rois: int) -> None:
    """Run in a process of its own: prepare and read `rois` ROIs on 40 phantoms, print the peak in MiB."""
    from keras_cwp.config import DataConfig
    from keras_cwp.data.phantom import draw_phantoms
    from keras_cwp.data.pipeline import batches
    from keras_cwp.data.prepare import prepare

    with tempfile.TemporaryDirectory() as place:
        drawn = draw_phantoms(Path(place) / "phantoms", patients=20, side_px=256, radiographs=(2, 2))
        names = sorted(path.name for path in (drawn.parent / "images").iterdir())
        random = np.random.default_rng(0)
        with open(Path(place) / "rois.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image", "patient_id", "label", "x", "y", "width", "height"])
            for number in range(rois):
                name = names[number % len(names)]
                writer.writerow([name, name[:12], "ab"[number % 2], *random.integers(0, 200, 2), 40, 40])
        config = DataConfig(image_size=32)
        data = prepare(Path(place) / "rois.csv", drawn.parent / "images", Path(place) / "data", config)
        for _ in batches(data, batch_size=64, seed=0):
            pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def bench_memory() -> None:
    peaks = []
    for rois in (1_000, 100_000):
        command = [sys.executable, __file__, "measure", str(rois)]
        peaks.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]))
        print(f"peak memory, {rois} ROIs: {peaks[-1]:.0f} MiB", flush=True)
    print(f"ratio {peaks[1] / peaks[0]:.3f}")


PARTS = {"decode": bench_decode, "pipeline": bench_pipeline, "memory": bench_memory}

if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure_memory(int(sys.argv[2]))
    else:
        for part in sys.argv[1:] or PARTS:
            PARTS[part]()
