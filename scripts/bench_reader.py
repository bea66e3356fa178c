"""What the reading page takes: memory of the server while it shows many large films, and the time of an answer.

    .venv/bin/python scripts/bench_reader.py RUN [--films 100]

Films are DICOM files of 2,500 × 3,000 pixels and 12 bits, ten different ones under many names. All are opened, drawn
as thumbnails and looked at for a suggestion; then boxes of one film are asked about.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

WIDTH, HEIGHT, WHITE = 2500, 3000, 4095
DIFFERENT, ASKED = 10, 40


def write_films(folder: Path, count: int) -> None:
    """Smooth noise; no chest, but of its size."""
    folder.mkdir(parents=True)
    for number in range(count):
        path = folder / f"{number:04}.dcm"
        if number >= DIFFERENT:
            os.link(folder / f"{number % DIFFERENT:04}.dcm", path)
            continue
        coarse = np.random.default_rng(number).uniform(0, WHITE, (60, 50)).astype(np.float32)
        pixels = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).clip(0, WHITE).astype(np.uint16)
        film = Dataset()
        film.file_meta = FileMetaDataset()
        film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID = ComputedRadiographyImageStorage
        film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID = generate_uid()
        film.PatientID, film.PixelSpacing = f"P{number}", [0.14, 0.14]
        film.Rows, film.Columns, film.SamplesPerPixel = HEIGHT, WIDTH, 1
        film.PhotometricInterpretation = "MONOCHROME2"
        film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
        film.WindowCenter, film.WindowWidth = 2000, 3000
        film.PixelData = pixels.tobytes()
        film.save_as(path, enforce_file_format=True)


def ask(address: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """An answer of the server, JSON or bytes."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        content = answer.read()
        return json.loads(content) if answer.headers["content-type"] == "application/json" else content


def memory_mib(process: int) -> tuple[float, float]:
    """Resident memory now and at most."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    now, most = (int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, most


def measure(address: str, process: int, films: int) -> None:
    """Print what each step takes."""
    while any(part["state"] == "loading" for part in ask(address, "api/state").values()):
        time.sleep(0.5)
    print("prepared: {:.0f} MiB, at most {:.0f} MiB".format(*memory_mib(process)), ask(address, "api/state"))
    seconds = []
    for number in range(films):
        start = time.monotonic()
        ask(address, f"api/films/{number}")
        ask(address, f"api/films/{number}/pixels")
        seconds.append(time.monotonic() - start)
        ask(address, f"api/films/{number}/thumbnail")
    print(f"{films} films opened, {statistics.median(seconds):.2f} s each (median): {memory_mib(process)[1]:.0f} MiB")
    while (found := ask(address, "api/suggest", {"reader": "bench"}))["seen"] < films:
        time.sleep(0.5)
    print(f"{found['seen']} films looked at for a suggestion: {memory_mib(process)[1]:.0f} MiB")
    withheld = ask(address, "api/state")["heat"]["state"] != "ready"
    for path in ("answer",) if withheld else ("answer", "heat"):
        times = []
        for number in range(ASKED):
            said = {"box": [800 + 5 * number, 900, 450, 450], "class": ask(address, "api/study")["model"]["classes"][0]}
            start = time.monotonic()
            ask(address, f"api/films/0/{path}", said)
            times.append(1000 * (time.monotonic() - start))
        print(f"{path}: {statistics.median(times):.0f} ms median, {sorted(times)[int(0.95 * ASKED)]:.0f} ms 95 %")


def main() -> None:
    """Start the command on films of its own, and measure it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--films", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_films(Path(folder, "films"), given.films)
        words = [sys.executable, "-m", "keras_cwp", "read", given.run, Path(folder, "films"), "--port", "0", "--json"]
        with subprocess.Popen([*map(str, words)], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                measure(json.loads(server.stdout.readline())["address"], server.pid, given.films)
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
