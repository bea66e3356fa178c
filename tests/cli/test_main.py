"""Errors are one line and exit code 1; usage is 2; help is quick."""

from __future__ import annotations

import subprocess
import sys

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
