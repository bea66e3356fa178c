"""What cv refuses before it opens a data set."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from keras_cwp.cli.main import cli
from keras_cwp.errors import CwpError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--split", "s.csv", "--folds", "3"], "--split s.csv gives the folds; leave --folds out"),
        (["--split", "s.csv", "--by", "site"], "--split s.csv gives the folds; leave --by out"),
        (["--cluster", "slurm"], "--cluster slurm: expected ray, or ray:ADDRESS"),
        (["--cluster", "ray:auto", "--jobs", "2"], "--jobs 2 is for this machine"),
        (["--candidate", "a.yaml", "--candidate", "b/a.yaml"], "--candidate: two files have the same name"),
        (["--candidate", "none.yaml"], "configuration none.yaml: No such file"),
        (["--set", "split.inner=1"], "split.inner: .*greater than or equal to 2"),
    ],
)
def test_refused(words: list[str], message: str, tmp_path) -> None:
    with pytest.raises(CwpError, match=message):
        CliRunner().invoke(
            cli, ["cv", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "run"), *words],
            catch_exceptions=False,
        )  # fmt: skip
    assert not (tmp_path / "run").exists()
