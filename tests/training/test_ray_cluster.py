"""Folds on a Ray cluster of two nodes, one of whose workers is killed: the Scores are those of the serial run."""

from __future__ import annotations

import functools
import os
import sys

import pytest
from rich.console import Console
from support import fold_stub
from support.fold_stub import refuse_fold, score_fold, score_fold_after_a_death, small_config, small_data

from keras_cwp.errors import CwpError, RunError
from keras_cwp.training import admit as admitting
from keras_cwp.training import crossval
from keras_cwp.training.crossval import cross_validate
from keras_cwp.training.ray_cluster import on_ray


@pytest.fixture(scope="module")
def address():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed; pip install '.[cluster]'")
    cluster = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    cloudpickle = pytest.importorskip("ray.cloudpickle")
    cloudpickle.register_pickle_by_value(fold_stub)  # a worker does not have the tests on its path
    yield cluster.address
    cloudpickle.unregister_pickle_by_value(fold_stub)
    cluster.shutdown()


def validate(folder, run_folds):
    data = small_data(folder.parent / "data")
    return cross_validate(data, small_config(), folder, Console(quiet=True), None, run_folds)


def test_without_ray_it_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr(crossval, "check_buildable", lambda *_: None)
    monkeypatch.setattr(admitting, "refuse_leaks", lambda _: None)  # small_data has no pixels
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CwpError, match=r"Ray is not installed; pip install .*ray"):
        validate(tmp_path / "run", on_ray)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # Ray's own
def test_two_nodes_and_a_lost_worker_give_the_serial_scores(address, tmp_path, monkeypatch):
    monkeypatch.setattr(crossval, "check_buildable", lambda *_: None)
    monkeypatch.setattr(admitting, "refuse_leaks", lambda _: None)  # small_data has no pixels

    def here(jobs, done):
        for job in jobs:
            score_fold(job)
            done(job)

    serial = validate(tmp_path / "serial", here)
    on_cluster = functools.partial(on_ray, address=address, cpus=1)
    cluster = validate(tmp_path / "cluster", functools.partial(on_cluster, work=score_fold_after_a_death))
    for name in ("scores.csv", "validation_scores.csv"):
        assert (cluster.path / name).read_bytes() == (serial.path / name).read_bytes()
    makers = [(cluster.path / f"fold_{k}" / "made_by.txt").read_text().split() for k in (1, 2, 3)]
    assert [len(pids) for pids in makers] == [1, 1, 1]
    died = (cluster.path / "fold_2" / "died.txt").read_text()
    assert died != makers[1][0]
    assert str(os.getpid()) not in (died, *(pids[0] for pids in makers))
    with pytest.raises(RunError, match=r"^fold \d: the loss is nan$"):
        validate(tmp_path / "refused", functools.partial(on_cluster, work=refuse_fold))
