"""Models and servers that several tests use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.serving_bundle import ENGINE_SIDE, judging_of_noise, steep_network, write_version
from support.serving_helpers import Running, start
from support.serving_stub import write_stub


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """saved_models/stub with version 1; not to be changed."""
    folder = tmp_path_factory.mktemp("saved_models") / "stub"
    folder.mkdir()
    write_stub(folder, 1)
    return folder


@pytest.fixture(scope="session")
def stub_2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 2 of the stub, to be copied."""
    return write_stub(tmp_path_factory.mktemp("version_2"), 2)


@pytest.fixture(scope="session")
def running(stub: Path) -> Iterator[Running]:
    """A server of the stub; not to be changed."""
    with start([stub]) as running:
        yield running


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """saved_models/cwp: version 1 of two views with sets and likeness; not to be changed."""
    folder = tmp_path_factory.mktemp("engines") / "cwp"
    write_version(folder / "1", [steep_network(1, ENGINE_SIDE)], judging_of_noise(ENGINE_SIDE), views=2)
    return folder


@pytest.fixture(scope="session")
def plain_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version of another network, one view, at a pixel spacing; to be copied."""
    version = tmp_path_factory.mktemp("plain") / "2"
    write_version(version, [steep_network(2, ENGINE_SIDE)], spacing_mm=0.2)
    return version
