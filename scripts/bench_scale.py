"""predict on a Ray cluster of this machine against one process: films a second, memory, and a killed worker.

    python scripts/bench_scale.py MODEL FILMS --films 20000 --small 1000

MODEL: a RUN or an exported version. FILMS: a folder of radiographs, which are linked until there are so many.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

_LOOK_EVERY_S = 0.5
_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".tif")


def linked(films: Path, folder: Path, count: int) -> Path:
    """A folder of so many hard links to the films, copies where the disk has no links across folders."""
    sources = sorted(path for path in films.rglob("*") if path.suffix.lower() in _SUFFIXES)
    folder.mkdir()
    stored: dict[Path, Path] = {}
    for number in range(count):
        source = sources[number % len(sources)]
        place = folder / f"{number:06}{source.suffix.lower()}"
        try:
            os.link(stored.get(source, source), place)
        except OSError:
            place.write_bytes(source.read_bytes())
            stored[source] = place
    return folder


def memory_mb(process: int) -> float:
    """What a process holds that no other does (USS), MB; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except (OSError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def workers() -> list[int]:
    """Ids of the actors that score."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            name = (entry / "cmdline").read_bytes() if entry.name.isdecimal() else b""
        except OSError:
            continue
        if name.startswith(b"ray::MapWorker"):
            found.append(int(entry.name))
    return found


class Watch:
    """Highest memory of a command and of its actors, while it runs; kills one actor once the first block is kept."""

    def __init__(self, process: subprocess.Popen, kill_at: Path | None) -> None:
        self.command_mb = self.actor_mb = 0.0
        self.killed: int | None = None
        self._process, self._kill_at = process, kill_at
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while self._process.poll() is None:
            self.command_mb = max(self.command_mb, memory_mb(self._process.pid))
            actors = workers()
            self.actor_mb = max([self.actor_mb, *map(memory_mb, actors)])
            if self._kill_at and self.killed is None and actors and list(self._kill_at.glob("block_*")):
                self.killed = actors[0]
                os.kill(actors[0], signal.SIGKILL)
            time.sleep(_LOOK_EVERY_S)

    def join(self) -> None:
        """Wait until the command has ended."""
        self._thread.join()


def run(title: str, model: Path, films: Path, out: Path, *options: str, kill: bool = False) -> None:
    """Time a predict and print what it took."""
    count = len(list(films.iterdir()))
    command = [sys.executable, "-m", "keras_cwp", "predict", str(model), str(films), "--out", str(out)]
    began = time.monotonic()
    process = subprocess.Popen([*command, "--whole-image", "--quiet", *options], stdout=subprocess.DEVNULL)
    watch = Watch(process, Path(f"{out}.blocks") if kill else None)
    watch.join()
    seconds = time.monotonic() - began
    killed = f", an actor killed ({watch.killed})" if kill else ""
    speed = f"{seconds:8.1f} s {count / seconds:7.1f} films/s"
    memory = f"command {watch.command_mb:6.0f} MB, largest actor {watch.actor_mb:6.0f} MB"
    print(f"{title:<12} {count:>6} films {speed}   {memory}, exit {process.returncode}{killed}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=int, default=20_000)
    parser.add_argument("--small", type=int, default=1_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        small = linked(given.folder, work / "small", given.small)
        large = linked(given.folder, work / "large", given.films)
        for films, kill in ((small, False), (large, True)):
            outs = [work / f"{films.name}_{way}.csv" for way in ("one", "cluster")]
            run("one process", given.model, films, outs[0])
            run("cluster", given.model, films, outs[1], "--cluster", "ray", kill=kill)
            same = outs[0].read_bytes() == outs[1].read_bytes()
            print(f"the same bytes: {'yes' if same else 'NO'}", flush=True)


if __name__ == "__main__":
    main()
