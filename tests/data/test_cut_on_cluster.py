"""prepare on a Ray cluster: the data set of a local run, also where an earlier one is taken over in part."""

from __future__ import annotations

import os
import sys

import pytest

from keras_cwp.api.data import prepare
from keras_cwp.errors import CwpError

FILES = ("manifest.csv", "crops.npy", "films.npy")
SIZE = {"image_size": 32}


@pytest.fixture(scope="module")
def address():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - by default workers give way to other tests
    utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed; pip install '.[cluster]'")
    cluster = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    yield cluster.address
    cluster.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning",
    "ignore::FutureWarning", "ignore::UserWarning",
)  # fmt: skip
def test_the_same_data_set_as_one_process(address, good_table, images, tmp_path):
    prepare(good_table, images, tmp_path / "local", **SIZE)
    prepare(good_table, images, tmp_path / "cluster", cluster=f"ray:{address}", **SIZE)
    for name in FILES:
        assert (tmp_path / "cluster" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
    (images / "b.png").write_bytes((images / "f.png").read_bytes())  # five radiographs are taken over, one is not
    prepare(good_table, images, tmp_path / "local", **SIZE)
    prepare(good_table, images, tmp_path / "cluster", cluster=f"ray:{address}", **SIZE)
    for name in FILES:
        assert (tmp_path / "cluster" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_what_cannot_be(good_table, images, tmp_path, monkeypatch):
    with pytest.raises(CwpError, match=r"^cluster spark: expected ray, or ray:ADDRESS$"):
        prepare(good_table, images, tmp_path / "data", cluster="spark")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CwpError, match=r"Ray is not installed; pip install .*ray"):
        prepare(good_table, images, tmp_path / "data", cluster="ray")
    assert not (tmp_path / "data").exists()
