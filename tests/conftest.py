"""Fixtures that every folder of tests shares."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as cli/main.py


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers in every test."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real radiographs and golden numbers; a test that wants it skips without it."""
    folder = Path(os.environ.get("CWP_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip(f"the shared data folder is not at {folder}; set CWP_SHARED to where it is")
    return folder


@pytest.fixture(scope="session")
def fit_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RUN of fit with an untrained network of 64 pixels and three classes; see small_run.py."""
    from small_run import write_model

    from keras_cwp.config import Config, dump_config

    run = tmp_path_factory.mktemp("fit_run")
    write_model(run)
    (run / "config.yaml").write_text(dump_config(Config()))
    return run
