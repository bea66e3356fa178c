"""Errors are one line and exit code 1; usage is 2; help is quick."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
from PIL import Image

from keras_cwp.version import VERSION


def run(*words):
    return subprocess.run([sys.executable, "-m", "keras_cwp", *words], capture_output=True, text=True, check=False)


def test_a_users_error_is_one_line_on_stderr(tmp_path):
    done = run("fit", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "run"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [f"keras-cwp: --data {tmp_path / 'none'}: no such file or folder"]


def test_wrong_usage_is_exit_code_2():
    assert run("fit", "--no-such-option").returncode == 2
    assert run("no-such-command").returncode == 2


def test_version_is_told():
    assert VERSION in run("--version").stdout


def test_help_does_not_import_what_is_slow():
    done = run("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("demo", "prepare", "fit", "cv", "evaluate", "export", "predict"))
    code = (
        "import sys, keras_cwp.cli.main\n"
        "slow = {'tensorflow', 'keras', 'numpy', 'pydantic', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_misspelt_command_or_option_is_met_with_the_nearest():
    wrong = run("preprae", "--rois", "x")
    assert wrong.returncode == 2
    assert "No such command 'preprae'. Did you mean 'prepare'?" in wrong.stderr
    wrong = run("fit", "--epoch", "3")
    assert wrong.returncode == 2
    assert "--epochs" in wrong.stderr


def test_a_typo_is_answered_without_tensorflow(tmp_path):
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from keras_cwp.cli.main import cli\n"
        "from keras_cwp.errors import CwpError\n"
        f"none = {str(tmp_path / 'none')!r}\n"
        "for words in (['fit', '--data', none, '--out', none], ['cv', '--data', none, '--out', none],\n"
        "              ['fit', '--data', none, '--out', none, '--set', 'train.epoch=1'],\n"
        "              ['predict', none, none, '--out', 's.csv'], ['export', none, '--out', none],\n"
        "              ['compare', none, none, '--out', none], ['evaluate', none],\n"
        "              ['explain', none, none, '--out', none],\n"
        "              ['audit', none], ['prepare', '--rois', none, '--images', none, '--out', none]):\n"
        "    done = CliRunner().invoke(cli, words)\n"
        "    assert isinstance(done.exception, CwpError), (words, done.exception, done.output)\n"
        "    assert 'tensorflow' not in sys.modules, words\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_result_as_json_or_quietly(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 40), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    table = tmp_path / "rois.csv"
    table.write_text("image,patient_id,label\n" + "".join(f"{n}.png,P{n},{'ab'[n % 2]}\n" for n in range(4)))
    words = ("prepare", "--rois", str(table), "--images", str(folder), "--set", "data.image_size=32")
    told = run(*words, "--out", str(tmp_path / "json"), "--json")
    assert json.loads(told.stdout)["counts"]["patients"] == 4
    assert told.stderr == ""
    quiet = run(*words, "--out", str(tmp_path / "quiet"), "--quiet")
    assert len(quiet.stdout.splitlines()) == 1
    assert quiet.stderr == ""
    assert "Next: keras-cwp audit" in run(*words, "--out", str(tmp_path / "told")).stderr
