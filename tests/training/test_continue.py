"""A cross-validation that is killed at random moments and taken up ends with the scores of one left alone.

Each fold trains as `fit` does: early stopping, moving average, schedule, generators and order of the data are
continued with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner

from keras_cwp.cli.main import cli
from keras_cwp.data.phantom.draw import draw_phantoms

FOLDS, EPOCHS, KILLS = 2, 3, 2
SETTINGS = ["data.image_size=32", "train.batch_size=8", f"train.epochs={EPOCHS}", "train.early_stopping=2",
            "evaluate.bootstraps=100", "augment.policy=paper"]  # fmt: skip
PATIENCE_S = 600.0


def command(data, out):
    sets = [word for setting in SETTINGS for word in ("--set", setting)]
    words = ["cv", "--folds", str(FOLDS), "--data", str(data), "--out", str(out), *sets]
    return [sys.executable, "-m", "keras_cwp", *words]


def kill_when(condition, delay_s, words):
    """Start a command and kill it, with all it started, some time after the condition holds, unless it ended."""
    process = subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE_S
    while not condition() and process.poll() is None:
        assert time.monotonic() < end, "the moment to kill it never came"
        time.sleep(0.02)
    time.sleep(delay_s)
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
def test_killed_at_random_moments_it_ends_as_if_left_alone(data, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(data, whole), check=True, capture_output=True)

    def epochs_done():
        return sum(len(path.read_text().splitlines()) - 1 for path in broken.glob("fold_*/history.csv"))

    random = np.random.default_rng()
    moments = sorted(random.choice(FOLDS * EPOCHS, KILLS, replace=False).tolist())
    delays_s = random.uniform(0, 1, KILLS).round(2).tolist()
    for epochs, delay_s in zip(moments, delays_s, strict=True):
        kill_when(lambda least=epochs: epochs_done() >= least, delay_s, command(data, broken))
    if not (broken / "scores.csv").exists():
        subprocess.run(command(data, broken), check=True, capture_output=True)
    for name in ("scores.csv", "validation_scores.csv", "fold_1/scores.csv", "split.csv"):
        killed = f"killed at epochs {moments}, {delays_s} s later"
        assert (broken / name).read_bytes() == (whole / name).read_bytes(), f"{name} differs; {killed}"
    assert not list(broken.rglob("state.npz"))
