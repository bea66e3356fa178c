"""Kills `prepare` at random moments of its work and checks that the old data set or the new one stands, never half."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from keras_cwp.config import DataConfig
from keras_cwp.data.prepare import prepare

CONFIG = DataConfig(image_size=32)
_CODE = """
import sys
from support.kill_prepare import CONFIG
from keras_cwp.data.prepare import prepare
if __name__ == "__main__":
    print("begins", flush=True)
    prepare(*sys.argv[1:4], CONFIG, workers=int(sys.argv[4]))
"""


def kill_prepare(table: Path, images: Path, folder: Path, moments: int, seed: int, workers: int = 1) -> int:
    """Kill `moments` runs into folder / "killed"; every second has no earlier data set to take crops over from.

    Returns:
        How many were still at work when the signal came.
    """
    start = time.monotonic()
    expected = contents(prepare(table, images, folder / "fresh", CONFIG).path)
    usual_s = time.monotonic() - start
    script = folder / "one_run.py"
    script.write_text(_CODE)
    out, chance, killed = folder / "killed", random.Random(seed), 0
    for number in range(moments):
        arguments = [str(table), str(images), str(out if number % 2 else folder / f"new_{number}"), str(workers)]
        killed += _run_and_kill([sys.executable, str(script), *arguments], chance.uniform(0, usual_s))
        target = Path(arguments[2])
        found = contents(target) if target.exists() else expected
        other = {name: found.get(name, b"")[:300] for name in found | expected if found.get(name) != expected.get(name)}
        assert not other, f"moment {number}: {target} is neither old nor new: {other}"
        assert contents(prepare(table, images, target, CONFIG).path) == expected, f"moment {number}: other bytes"
        left = [entry.name for entry in folder.iterdir() if "preparing" in entry.name]
        assert not left, f"moment {number}: left behind {left}"
    return killed


def _run_and_kill(command: list[str], after_s: float) -> bool:
    """Start a run, kill it so long after its work began; False when it had ended before."""
    paths = os.pathsep.join(path for path in (str(Path(__file__).parents[1]), *sys.path) if path)
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": paths}
    )
    assert running.stdout is not None
    assert running.stdout.readline() == b"begins\n"
    time.sleep(after_s)
    running.send_signal(signal.SIGKILL)
    running.stdout.close()
    return running.wait() == -signal.SIGKILL


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
