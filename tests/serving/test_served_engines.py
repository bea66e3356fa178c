"""A server says which engine computes each version, and swaps from one to the other."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from support.serving_bundle import ENGINE_SIDE, copied, with_onnx
from support.serving_helpers import Running, refused, start, wait_until

from keras_cwp.cli import serve as serving
from keras_cwp.cli.main import cli
from keras_cwp.errors import ServingError
from keras_cwp.prediction import onnx_format
from keras_cwp.serving.bundled_onnx import ONNX_FILE

pytest.importorskip("onnxruntime", reason="no ONNX Runtime: pip install '.[onnx]'")
ONNX, TENSORFLOW = onnx_format.engine_name(), f"TensorFlow {tf.__version__}"


def engine_of(running: Running, number: int) -> str:
    text = running.http("GET", "/monitoring/prometheus/metrics")[1].decode()
    lines = [line for line in text.splitlines() if "keras_cwp_version_engine{" in line and f'"{number}"' in line]
    return lines[0].split('engine="')[1].split('"')[0] if lines else ""


def test_a_swap_takes_the_engine_of_the_new_version(
    bundle: Path, plain_version: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "keras_cwp.serving.server")
    folder = tmp_path / "cwp"
    copied(bundle / "1", folder)
    pixels = np.random.default_rng(6).uniform(0, 1, (2, ENGINE_SIDE, ENGINE_SIDE, 1)).astype(np.float32)
    with start([folder]) as running:
        assert engine_of(running, 1) == ONNX
        assert running.server.engines() == [f"cwp version 1: {ONNX}"]
        first = tf.make_ndarray(running.predict("pixels", model="cwp", pixels=pixels).outputs["probabilities"])
        damaged = with_onnx(copied(plain_version, tmp_path), b"damaged", False)
        damaged.rename(folder / "2")
        wait_until(lambda: engine_of(running, 2) == TENSORFLOW, 60)
        wait_until(lambda: running.predict("pixels", model="cwp", pixels=pixels).model_spec.version.value == 2)
        second = tf.make_ndarray(running.predict("pixels", model="cwp", pixels=pixels).outputs["probabilities"])
        assert np.abs(first - second).max() > 0.001
        assert refused(lambda: running.predict("none", model="cwp", pixels=pixels))[0] == "FAILED_PRECONDITION"
    logged = [line for line in map(json.loads, caplog.messages) if line["event"] == "engine"]
    assert [(line["version"], line["engine"]) for line in logged] == [("1", ONNX), ("2", TENSORFLOW)]
    assert "damaged" in logged[1]["why_not_onnx"]


def test_a_version_that_onnx_runtime_cannot_take_is_not_served_where_it_is_asked_for(
    plain_version: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cwp"
    folder.mkdir()
    with_onnx(copied(plain_version, tmp_path), b"damaged", False).rename(folder / "1")
    with start([folder], engine="onnx") as running:
        assert not running.server.ready()
        (fault,) = running.server.faults()
    assert "--engine onnx: " in fault
    result = CliRunner().invoke(cli, ["serve", str(folder), "--rest-port", "0", "--grpc-port", "0", "--engine", "onnx"])
    assert isinstance(result.exception, ServingError)
    assert "--engine onnx: " in str(result.exception)


def test_the_command_says_what_computes_each_version(bundle: Path, stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def told_at_once() -> Iterator[threading.Event]:
        told = threading.Event()
        told.set()
        yield told

    monkeypatch.setattr(serving, "told_to_stop", told_at_once)
    result = CliRunner().invoke(cli, ["serve", str(bundle), str(stub), "--rest-port", "0", "--grpc-port", "0"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[1] == f"cwp version 1: {ONNX}"
    assert lines[2].startswith(f"stub version 1: {TENSORFLOW}, because ")
    assert lines[2].endswith(f"has no {ONNX_FILE}: an older keras-cwp or another program exported it")


_COME_AND_GO = """
import sys
from pathlib import Path
from keras_cwp.runtime import import_tensorflow
import_tensorflow(keep_memory=False)
from keras_cwp.serving.server.engines import open_servable
from keras_cwp.serving.server.parameters import UNSTATED

def load_once():
    open_servable(Path(sys.argv[1]), UNSTATED, "onnx").close()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

print(*[load_once() for _ in range(8)])
"""


@pytest.mark.slow
def test_memory_is_given_back_when_versions_come_and_go(plain_version: Path) -> None:
    """In a process of its own: what other tests left in the heap would count too.

    With two arenas of glibc: with more of them, what is resident varies by 5 MiB from load to load.
    """
    said = subprocess.run(
        [sys.executable, "-c", _COME_AND_GO, str(plain_version)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env=os.environ | {"MALLOC_ARENA_MAX": "2"},
    ).stdout
    resident_mib = [float(number) for number in said.split()]
    assert resident_mib[-1] - resident_mib[2] < 8, resident_mib  # a version's session alone takes more than 2 MiB
