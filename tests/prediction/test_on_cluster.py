"""predict on a Ray cluster of two nodes: the bytes of a local run, a killed worker, a run that goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_cwp.api.model import Model
from keras_cwp.errors import CwpError, DataError, RunError
from keras_cwp.prediction import blocks, on_cluster
from keras_cwp.prediction.blocks import Outcome, blocks_of, score_block
from keras_cwp.prediction.kept_blocks import KeptBlocks, model_digest
from keras_cwp.prediction.open_model import open_predictor
from keras_cwp.prediction.regions import find_regions

FILMS = 11
BLOCK = 3
RAYS_OWN = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning",
    "ignore::FutureWarning", "ignore::UserWarning",
)  # fmt: skip


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for number in range(FILMS):
        noise = np.random.default_rng(number).integers(0, 256, (90, 80), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number:02}.png")
    (folder / "04.png").write_bytes((folder / "05.png").read_bytes()[:200])
    (folder / "notes.webp").write_bytes(b"x")
    return folder


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - by default workers give way to everything else, and so to other tests
    utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed; pip install '.[cluster]'")
    cluster = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    cloudpickle = pytest.importorskip("ray.cloudpickle")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # a worker does not have the tests on its path
    yield cluster.address
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    cluster.shutdown()


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_REGIONS", BLOCK)


def left_out() -> tuple[list[str], dict]:
    said: list[str] = []
    return said, {"refuse": lambda error, _: said.append(str(error)), "whole_image": True}


def noting(folder: Path, begin):
    """`begin`, with a file in `folder` for each block that an actor began."""

    def begin_noted(*arguments):
        score = begin(*arguments)

        def noted(block):
            (folder / f"{block[0].path.stem}_{os.getpid()}").touch()
            return score(block)

        return noted

    return begin_noted


def dying(folder: Path, begin):
    """`begin`, but the process that first has the second block is killed as the kernel kills one for memory."""

    def begin_dying(*arguments):
        score = begin(*arguments)

        def once(block):
            if block[0].path.stem == "03" and not (folder / "died").exists():
                (folder / "died").write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return score(block)

        return once

    return begin_dying


def refusing(*_):
    def refuse(block):
        if block[0].path.stem == "06":
            raise RunError("the answer is nan")
        return Outcome(np.zeros(0, np.int64), np.zeros((0, 3)), None)

    return refuse


@pytest.mark.slow
@RAYS_OWN
@pytest.mark.usefixtures("small_blocks")
def test_two_nodes_a_killed_worker_and_a_second_call(address, fit_run, films, tmp_path, monkeypatch):
    said, asking = left_out()
    Model(fit_run).score(films, **asking).to_csv(tmp_path / "local.csv")

    monkeypatch.setattr(on_cluster, "begin_scoring", dying(tmp_path, on_cluster.begin_scoring))
    on_ray, here = left_out()
    found = Model(fit_run).score_on_cluster(f"ray:{address}", films, tmp_path / "cluster.csv", **here)
    assert (tmp_path / "died").read_text() != str(os.getpid())
    assert (tmp_path / "cluster.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    assert sorted(on_ray) == sorted(said)
    assert (len(said), found.lost, len(found.scores)) == (2, 2, FILMS - 1)
    assert not (tmp_path / "cluster.csv.blocks").exists()


@pytest.mark.slow
@RAYS_OWN
@pytest.mark.usefixtures("small_blocks")
def test_an_interrupted_run_goes_on_with_what_is_left(address, fit_run, films, tmp_path, monkeypatch):
    out = tmp_path / "s.csv"
    said, asking = left_out()
    Model(fit_run).score(films, **asking).to_csv(tmp_path / "local.csv")
    genuine = on_cluster.begin_scoring
    monkeypatch.setattr(on_cluster, "begin_scoring", refusing)
    with pytest.raises(RunError, match=r"^the answer is nan$"):
        Model(fit_run).score_on_cluster(f"ray:{address}", films, out, **left_out()[1])
    assert not out.exists()
    shutil.rmtree(f"{out}.blocks", ignore_errors=True)  # those of `refusing` hold nothing

    regions = find_regions([films], refuse=lambda *_: None)
    parts = blocks_of(regions)
    kept = KeptBlocks(Path(f"{out}.blocks"), (model_digest(fit_run), 1))
    predictor = open_predictor(fit_run)
    for number in (0, 1):
        kept.write(kept.name_of(parts[number]), score_block(predictor, parts[number]))
    monkeypatch.setattr(on_cluster, "begin_scoring", noting(tmp_path, genuine))
    again, here = left_out()
    Model(fit_run).score_on_cluster(f"ray:{address}", films, out, **here)
    assert out.read_bytes() == (tmp_path / "local.csv").read_bytes()
    assert sorted(again) == sorted(said)  # of the kept blocks too
    assert {path.name.split("_")[0] for path in tmp_path.glob("*_*")} == {p[0].path.stem for p in parts[2:]}


@pytest.mark.usefixtures("small_blocks")
def test_a_radiograph_is_in_one_block_and_all_are_scored(films):
    regions = find_regions([films], refuse=lambda *_: None)
    parts = blocks_of([*regions[::2], *regions[1::2], *regions[:1]])
    assert [len(part) for part in parts] == [3, 3, 3, 3]
    assert [roi.path.stem for roi in parts[0]] == ["00", "00", "02"]
    assert blocks_of([]) == [[]]


def test_a_block_without_its_unreadable_film_has_the_same_numbers(fit_run, films):
    """An outcome goes through its file unchanged, and does not depend on the blocks beside it."""
    predictor = open_predictor(fit_run)
    regions = find_regions([films], refuse=lambda *_: None)
    outcome = score_block(predictor, regions)
    assert outcome.left_out[0][0].startswith(f"image {films / '04.png'}")
    assert outcome.kept.tolist() == [number for number in range(FILMS) if number != 4]
    back = Outcome.of_json(outcome.as_json())
    np.testing.assert_array_equal(back.probabilities, outcome.probabilities)
    np.testing.assert_array_equal(back.kept, outcome.kept)
    assert (back.left_out, back.said, back.distance) == (outcome.left_out, outcome.said, outcome.distance)
    heard: list[DataError] = []
    score_block(predictor, regions, refuse=lambda error, _: heard.append(error))
    assert [str(error) for error in heard] == [outcome.left_out[0][0]]


def test_a_kept_block_is_of_this_model_these_regions_and_these_files(films, tmp_path):
    copy = tmp_path / "films"
    shutil.copytree(films, copy)
    regions = find_regions([copy], refuse=lambda *_: None)
    kept = KeptBlocks(tmp_path / "blocks", ("model", 1))
    name = kept.name_of(regions)
    assert kept.read(name) is None
    kept.write(name, Outcome(np.array([0]), np.ones((1, 1)), np.array([0.5])))
    assert kept.read(name) is not None
    assert KeptBlocks(tmp_path, ("model", 8)).name_of(regions) != name
    assert KeptBlocks(tmp_path, ("other", 1)).name_of(regions) != name
    assert kept.name_of(regions[1:]) != name
    os.utime(regions[0].path, ns=(1, 1))
    assert kept.name_of(regions) != name
    (tmp_path / "blocks" / name).write_text(json.dumps({"kept": [1]}))
    assert kept.read(name) is None


def test_the_digest_of_a_model_is_of_what_its_answers_come_from(fit_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(fit_run, run)
    before = model_digest(run)
    (run / "report.html").write_text("another page")
    assert model_digest(run) == before
    for name in ("model.onnx", "likeness.json", "model.keras"):
        with open(run / name, "ab") as file:
            file.write(b" ")
        assert model_digest(run) != before
        before = model_digest(run)


def test_without_ray_it_is_one_error(fit_run, films, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CwpError, match=r"Ray is not installed; pip install .*ray"):
        Model(fit_run).score_on_cluster("ray", films, tmp_path / "s.csv")
    with pytest.raises(CwpError, match=r"^cluster dask: expected ray, or ray:ADDRESS$"):
        Model(fit_run).score_on_cluster("dask", films, tmp_path / "s.csv")
    assert list(tmp_path.iterdir()) == []
