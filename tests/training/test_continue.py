"""A training that is killed and taken up ends with the scores of one that was left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from keras_cwp.cli.main import cli
from keras_cwp.data.phantom import draw_phantoms

SETTINGS = ["data.image_size=32", "train.batch_size=8", "train.epochs=4", "train.early_stopping=3",
            "evaluate.bootstraps=100", "augment.policy=paper"]  # fmt: skip
PATIENCE_S = 600.0


def command(data, out):
    sets = [word for setting in SETTINGS for word in ("--set", setting)]
    return [sys.executable, "-m", "keras_cwp", "fit", "--data", str(data), "--out", str(out), *sets]


def kill_when(condition, words):
    """Start a command and kill it, with all it started, as soon as the condition holds."""
    process = subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < end, "the moment to kill it never came"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("continue")
    table = draw_phantoms(folder / "phantoms", 15, 5, side_px=128, radiographs=(1, 1), rois=(2, 2))
    words = ["prepare", "--rois", str(table), "--images", str(table.parent / "images"), "--out", str(folder / "data")]
    answer = CliRunner().invoke(cli, [*words, "--set", SETTINGS[0]], catch_exceptions=False)
    assert answer.exit_code == 0
    return folder / "data"


@pytest.mark.slow
def test_killed_twice_it_ends_as_if_left_alone(data, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(data, whole), check=True, capture_output=True)

    def epochs_done():
        history = broken / "history.csv"
        return len(history.read_text().splitlines()) - 1 if history.is_file() else 0

    kill_when(lambda: (broken / "state.npz").is_file(), command(data, broken))
    first = epochs_done()
    kill_when(lambda: epochs_done() > first + 1, command(data, broken))
    assert not (broken / "scores.csv").exists()
    subprocess.run(command(data, broken), check=True, capture_output=True)
    for name in ("scores.csv", "validation_scores.csv", "metrics.json"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes(), f"{name} differs"
    assert not (broken / "state.npz").exists()
