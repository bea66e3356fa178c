"""Speed and memory of data preparation and of the training pipeline.

    python scripts/bench_data.py [decode] [decode2] [pipeline] [memory]

decode: images/s of `prepare` against the decoder alone, one process each. decode2: `prepare` with two workers, against
the decoder in one process and in two; wants two quiet cores. pipeline: crops/s delivered. memory: peak of preparing
and reading 1,000 and 100,000 ROIs, each in a process of its own.
"""

from __future__ import annotations

import csv
import multiprocessing
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

    from keras_cwp.data.phantom.thorax import Anatomy, draw_thorax

    water = draw_thorax(Anatomy.draw(np.random.default_rng(0)), side).water
    grey = 255 * water / water.max()
    for number in range(count):
        noise = np.random.default_rng(number).normal(0, 2, grey.shape)
        Image.fromarray((grey + noise).clip(0, 255).astype(np.uint8)).save(folder / f"{number}.jpg", quality=90)


def draw_dicoms(folder: Path, side: int, count: int, syntax: str = "1.2.840.10008.1.2.1") -> None:
    """Twelve-bit noise over a ramp; explicit little endian, or compressed by another transfer syntax."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    ramp = np.linspace(0, 3500, side)[:, None]
    for number in range(count):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
        dataset.SOPClassUID = SecondaryCaptureImageStorage
        dataset.Rows = dataset.Columns = side
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME1"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
        dataset.WindowCenter, dataset.WindowWidth = "2048", "3000"
        noise = np.random.default_rng(number).normal(250, 40, (side, side))
        dataset.PixelData = (ramp + noise).clip(0, 4095).astype(np.uint16).tobytes()
        dataset["PixelData"].VR = "OW"
        if UID(syntax) != ExplicitVRLittleEndian:
            dataset.compress(syntax)
        dataset.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def draw_jpeg2000(folder: Path, side: int, count: int) -> None:
    draw_dicoms(folder, side, count, "1.2.840.10008.1.2.4.90")


def decode_alone(path: Path) -> None:
    if path.suffix == ".dcm":
        import pydicom

        _ = pydicom.dcmread(path).pixel_array
    else:
        from PIL import Image

        with Image.open(path) as image:
            np.asarray(image)


# name, how to draw, side in pixels, pictures drawn, times that each is read
DECODED: tuple[tuple[str, Callable[[Path, int, int], None], int, int, int], ...] = (
    ("JPEG, 224 px", draw_jpegs, 224, 500, 10),
    ("JPEG, 1024 px", draw_jpegs, 1024, 60, 20),
    ("DICOM 12 bit, 2048 px, uncompressed", draw_dicoms, 2048, 30, 10),
    ("DICOM 12 bit, 2048 px, JPEG 2000", draw_jpeg2000, 2048, 16, 4),
)


def bench_decode(workers: int = 1) -> None:
    from keras_cwp.config import DataConfig
    from keras_cwp.data.prepare import prepare
    from keras_cwp.runtime import keep_freed_memory

    keep_freed_memory()  # as the command does; for both sides of the comparison
    for name, draw, side, count, times in DECODED:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "images"
            folder.mkdir()
            draw(folder, side, count)
            for file in sorted(folder.iterdir()):
                for copy in range(1, times):
                    os.link(file, folder / f"{copy}_{file.name}")
            files = sorted(folder.iterdir())
            table = write_table(Path(place) / "rois.csv", [file.name for file in files])
            rates = {f"decoder in {n} process": decode_rate(files, n) for n in range(1, workers + 1)}
            start = time.perf_counter()
            prepare(table, folder, Path(place) / "data", DataConfig(), workers=workers)
            whole = len(files) / (time.perf_counter() - start)
        said = "   ".join(f"{side} {rate:6.0f}/s, ratio {whole / rate:.2f}" for side, rate in rates.items())
        print(f"{name:36} prepare, {workers} workers {whole:6.0f}/s   {said}", flush=True)


def decode_rate(files: list[Path], processes: int) -> float:
    """Files a second through the decoder alone, the processes' start not counted."""
    if processes == 1:
        start = time.perf_counter()
        for file in files:
            decode_alone(file)
        return len(files) / (time.perf_counter() - start)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(decode_alone, files[: 8 * processes], chunksize=1)
        start = time.perf_counter()
        pool.map(decode_alone, files, chunksize=8)
        return len(files) / (time.perf_counter() - start)


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
    from keras_cwp.data.phantom.draw import draw_phantoms
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


PARTS = {"decode": bench_decode, "decode2": lambda: bench_decode(2), "pipeline": bench_pipeline, "memory": bench_memory}

if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure_memory(int(sys.argv[2]))
    else:
        for part in sys.argv[1:] or PARTS:
            PARTS[part]()
