"""README and the bundle's README run as they are written: every block, in order, on phantoms.

A block that is not run has the reason in an HTML comment above it. A block that runs until it is stopped (a server) is
started, and stopped after the last block.
"""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.fenced import Fenced, fenced_blocks

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BUNDLE_README = ROOT / "keras_cwp" / "serving" / "bundle_files" / "README.md.in"
SERVER = "runs until it is stopped"
PORTS = (8500, 8501)  # of gRPC and REST, as the texts have them
START_S, STOP_S = 300, 60


@pytest.mark.parametrize("path", [README, BUNDLE_README], ids=lambda path: path.name)
def test_a_block_is_run_or_says_why_not(path):
    blocks = fenced_blocks(path.read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        assert block.language in ("", "python"), f"{path.name}, line {block.line}: neither a shell's nor Python's"
        assert block.note in ("", SERVER) or len(block.not_run) > 20, f"{path.name}, line {block.line}: {block.note}"
    assert sum(bool(block.not_run) for block in blocks) <= 3


def test_blocks_are_found_with_their_comments_and_lines():
    text = "a\n<!-- not run: no such host here -->\n```\nx\n```\nb\n```python\ny\n```\n"
    assert fenced_blocks(text) == [
        Fenced("", "x\n", "not run: no such host here", 3),
        Fenced("python", "y\n", "", 7),
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the reader of README has it: tables, radiographs, a data set of another hospital."""
    from keras_cwp.api.data import prepare

    folder = tmp_path_factory.mktemp("readme")
    _draw(folder, "rois.csv", "radiographs", "P", seed=1, patients=24)
    _draw(folder, "new_rois.csv", "new_radiographs", "N", seed=2, patients=6)
    _draw(folder, "other.csv", "other", "O", seed=3, patients=12)
    prepare(folder / "other.csv", folder / "other", folder / "other_data", config="default")
    return folder


def _draw(folder: Path, table: str, images: str, letter: str, seed: int, patients: int) -> None:
    """Phantoms whose patients and images have names that no other table has."""
    from keras_cwp.api.data import draw_phantoms

    drawn = draw_phantoms(folder / "drawn", patients, seed, side_px=256, radiographs=(1, 1), rois=(2, 3))
    with drawn.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    (folder / images).mkdir()
    for name in {row["image"] for row in rows}:
        shutil.move(folder / "drawn" / "images" / name, folder / images / f"{letter}{name}")
    shutil.rmtree(folder / "drawn")
    with (folder / table).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {"image": letter + row["image"], "patient_id": letter + row["patient_id"]})


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home of its own, and `keras-cwp`, `python` and TensorFlow's tools of this interpreter on PATH."""
    home = tmp_path_factory.mktemp("home")
    programs = home / "bin"
    programs.mkdir()
    for name, words in {"keras-cwp": '-c "from keras_cwp.cli.main import main; main()"', "python": ""}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        program.chmod(0o755)
    path = os.pathsep.join((str(programs), str(Path(sys.executable).parent), os.environ["PATH"]))
    return os.environ | {"HOME": str(home), "PATH": path, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


def run_blocks(name: str, text: str, folder: Path, environment: dict[str, str]) -> None:
    """Run a document's blocks in `folder`, each as it is written; stop its servers afterwards."""
    with contextlib.ExitStack() as servers:
        for block in fenced_blocks(text):
            where = f"{name}, line {block.line}"
            if block.not_run:
                continue
            if block.note == SERVER:
                servers.enter_context(_server(block, where, folder, environment))
                continue
            command = [sys.executable, "-c"] if block.language == "python" else ["bash", "-euo", "pipefail", "-c"]
            done = subprocess.run(
                [*command, block.text], cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{where}:\n{block.text}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


@contextlib.contextmanager
def _server(block: Fenced, where: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    for port in PORTS:
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                pytest.skip(f"port {port}, which {where} serves on, is taken; stop what listens there")
    process = subprocess.Popen(["bash", "-c", f"exec {block.text.strip()}"], cwd=folder, env=environment)
    try:
        _wait_for_rest(process, where)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_S)


def _wait_for_rest(process: subprocess.Popen[bytes], where: str) -> None:
    end, status = time.monotonic() + START_S, f"http://127.0.0.1:{PORTS[1]}/v1/models/cwp"
    while time.monotonic() < end and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(status) as answer,
        ):
            if b"AVAILABLE" in answer.read():
                return
        time.sleep(0.2)
    raise AssertionError(f"{where}: the server did not answer within {START_S} s, exit code {process.poll()}")


@pytest.mark.slow
def test_every_block_of_readme_and_of_the_bundles_readme_runs(place, environment):
    run_blocks("README.md", README.read_text(encoding="utf-8"), place, environment)
    for name in ("scores.csv", "rest.csv", "grpc.csv"):
        assert len((place / name).read_text(encoding="utf-8").splitlines()) > 6
    completion = Path(environment["HOME"]) / ".local/share/bash-completion/completions/keras-cwp"
    assert "_KERAS_CWP_COMPLETE" in completion.read_text(encoding="utf-8")

    bundle = place / "saved_models" / "cwp"
    _add_inputs(bundle, place)
    run_blocks("the bundle's README.md", (bundle / "README.md").read_text(encoding="utf-8"), bundle, environment)


def _add_inputs(bundle: Path, place: Path) -> None:
    """What the bundle's README takes as given: a crop, a radiograph, a table and the folder of its images."""
    pixels = np.random.default_rng(0).integers(0, 256, (600, 600), dtype=np.uint8)
    Image.fromarray(pixels[:96, :96]).save(bundle / "crop.png")
    Image.fromarray(pixels).save(bundle / "radiograph.png")
    shutil.copytree(place / "new_radiographs", bundle / "radiographs")
    shutil.copy(place / "new_rois.csv", bundle / "rois.csv")
