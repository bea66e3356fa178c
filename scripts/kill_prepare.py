"""Kill `prepare` at random moments; stops at the first that leaves anything but the old data set or the new one.

python scripts/kill_prepare.py [moments, default 20] [seed, default 0]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.kill_prepare import kill_prepare

RADIOGRAPHS = 400


def main(moments: int = 20, seed: int = 0) -> None:
    with tempfile.TemporaryDirectory() as place:
        images = Path(place) / "images"
        images.mkdir()
        lines = ["image,patient_id,label,x,y,width,height"]
        for number in range(RADIOGRAPHS):
            noise = np.random.default_rng(number).integers(0, 256, (256, 256), dtype=np.uint8)
            Image.fromarray(noise).save(images / f"{number}.png")
            lines += [f"{number}.png,P{number},{label},{number % 99},{turn},99,99" for turn, label in enumerate("ab")]
        table = Path(place) / "rois.csv"
        table.write_text("\n".join(lines))
        for workers in (1, 2):
            folder = Path(place) / f"workers_{workers}"
            folder.mkdir()
            half = -(-moments // 2)
            killed = kill_prepare(table, images, folder, half, seed + workers, workers)
            print(f"{workers} workers: {killed} of {half} killed at work, all ended with the same bytes", flush=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
