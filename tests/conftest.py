"""Fixtures that every folder of tests shares."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as runtime.quiet_tensorflow


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: at the end of a run no process waits long for another."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


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


@pytest.fixture(scope="module")
def small_network() -> Iterator[None]:
    """Networks that this file builds are small; for `pytestmark = pytest.mark.usefixtures("small_network")`."""
    from support.small_network import small_presets

    with small_presets():
        yield


@pytest.fixture(scope="session")
def fit_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RUN of fit with an untrained network of 64 pixels and three classes; see small_run.py."""
    from support.small_run import write_model

    from keras_cwp.config import Config, dump_config

    run = tmp_path_factory.mktemp("fit_run")
    write_model(run)
    (run / "config.yaml").write_text(dump_config(Config()))
    return run


SIDE = 64
HEADER = "image,patient_id,label,x,y,width,height"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Six grey PNG of 64 × 48 pixels (width × height), a.png to f.png, each of its own noise."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, name in enumerate("abcdef"):
        noise = np.random.default_rng(number).integers(0, 256, (48, SIDE), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Write lines as rois.csv."""

    def write(*lines: str, header: str = HEADER) -> Path:
        path = tmp_path / "rois.csv"
        path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
        return path

    return write


GOOD = (
    "a.png,P1,normal,2,3,20,20",
    "b.png,P1,sick,5,5,30,24",
    "c.png,P2,normal,0,0,64,48",
    "d.png,P3,sick,40.5,20.25,10,10",
    "d.png,P3,sick,1,1,16,16",
    "e.png,P4,normal,10,10,20,30",
)


@pytest.fixture
def good_table(table: Callable[..., Path]) -> Path:
    """Six ROIs of five radiographs and four patients, two classes."""
    return table(*GOOD)
