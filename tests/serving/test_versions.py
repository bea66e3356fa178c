"""Finding, loading, swapping and unloading versions, with stand-ins for models."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from support.serving_helpers import wait_until
from tensorflow_serving.config import model_server_config_pb2

from keras_cwp.errors import ServingError
from keras_cwp.serving.server.model_configs import ModelConfig, config_of_folder, configs_of_proto
from keras_cwp.serving.server.status import Code, Refused
from keras_cwp.serving.server.versions import Polling, State, Versions

QUICK = Polling(every_s=0.01, retries=2, retry_wait_s=0.01)


class Stand:
    """A version in memory."""

    def __init__(self, path: Path) -> None:
        self.path, self.closed = path, False

    def warm_up(self) -> int:
        if (self.path / "cold").exists():
            raise ServingError("warm-up record 1 cannot be replayed")
        return 3

    def close(self) -> None:
        assert not self.closed
        self.closed = True


class Loader:
    """Loads stand-ins; a folder with `broken` in it cannot be loaded."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.stands: list[Stand] = []

    def __call__(self, path: Path, _: ModelConfig) -> Stand:
        self.loads.append(path.name)
        if (path / "broken").exists():
            raise ServingError(f"{path.name} is broken")
        self.stands.append(Stand(path))
        return self.stands[-1]


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def serve(loader: Loader) -> Iterator[Callable[..., Versions]]:
    started: list[Versions] = []

    def start(*configs: ModelConfig) -> Versions:
        started.append(Versions(list(configs), loader, QUICK))
        started[-1].start()
        return started[-1]

    yield start
    for versions in started:
        versions.stop()
    assert all(stand.closed for stand in loader.stands)


def test_a_base_path_that_does_not_exist_changes_nothing(tmp_path: Path, serve: Callable[..., Versions]) -> None:
    versions = serve(model(tmp_path, 1))
    with pytest.raises(Refused, match=r"model m: base_path .*nowhere: no such folder; the models are served as before"):
        versions.reload([ModelConfig("m", tmp_path / "nowhere")])
    with versions.use("m") as version:
        assert version.path == tmp_path / "1"


@pytest.mark.parametrize("folder", ["empty", "1"])
def test_a_base_path_without_a_version_changes_nothing(folder: str, tmp_path: Path, serve: Any) -> None:
    versions = serve(model(tmp_path, 1))
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / "other" / "1").mkdir(parents=True)
    wrong = [ModelConfig("other", tmp_path / "other"), ModelConfig("m", tmp_path / folder)]
    with pytest.raises(Refused, match=r"model m: no version could be loaded: .*; the models are served as before"):
        versions.reload(wrong)
    wait_until(lambda: versions.models() == ["m"])
    assert held(versions) == 1


def test_a_folder_that_cannot_be_loaded_leaves_the_old_version(tmp_path: Path, serve: Any, loader: Loader) -> None:
    versions = serve(model(tmp_path, 1))
    moved = tmp_path / "moved"
    (moved / "1" / "broken").mkdir(parents=True)
    for _ in range(2):
        with pytest.raises(
            Refused, match=r"model m: .*moved/1 could not be loaded: 1 is broken; version 1 of .* answers"
        ):
            versions.reload([ModelConfig("m", moved)])
        with versions.use("m") as version:
            assert version.path == tmp_path / "1"
    loads = len(loader.loads)
    time.sleep(0.1)
    assert len(loader.loads) == loads  # polling does not try again and again
    (moved / "1" / "broken").rmdir()
    versions.reload([ModelConfig("m", moved)])
    with versions.use("m") as version:
        assert version.path == moved / "1"


def test_another_folder_with_the_same_version_is_loaded_and_the_old_one_let_go(
    tmp_path: Path, serve: Callable[..., Versions], loader: Loader
) -> None:
    versions = serve(model(tmp_path, 1))
    (tmp_path / "moved" / "1").mkdir(parents=True)
    with versions.use("m") as held:
        versions.reload([ModelConfig("m", tmp_path / "moved")])
        with versions.use("m") as version:
            assert version.path == tmp_path / "moved" / "1"
        assert not held.servable.closed
    wait_until(lambda: loader.stands[0].closed)
    assert [each.state for each in versions.status("m")] == [State.AVAILABLE]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("", r"no version folder, whose name is a whole number, lies in .*folder; keras-cwp export writes one"),
        ("saved_model.pb", r"folder is itself a version; name the folder that it lies in, .*"),
        ("7/broken", r"m: no version could be loaded: 7 is broken"),
    ],
)
def test_why_nothing_is_served(made: str, message: str, tmp_path: Path, serve: Callable[..., Versions]) -> None:
    folder = tmp_path / "folder"
    (folder / made).parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    if made:
        (folder / made).touch()
    (fault,) = serve(ModelConfig("m", folder)).faults()
    assert re.search(message, fault), fault


def model(tmp_path: Path, *versions: object, **config: Any) -> ModelConfig:
    for version in versions:
        (tmp_path / str(version)).mkdir()
    return ModelConfig("m", tmp_path, **config)


def held(versions: Versions, **which: Any) -> int:
    with versions.use("m", **which) as version:
        return version.number


def states(versions: Versions) -> dict[int, str]:
    return {version.number: version.state.name for version in versions.status("m")}


def test_the_largest_number_is_served_and_other_names_are_skipped(tmp_path: Path, serve: Any, loader: Loader) -> None:
    versions = serve(model(tmp_path, 2, 10, ".11.new", "12x", 99999999999999999999))
    assert (held(versions), loader.loads) == (10, ["10"])
    with pytest.raises(Refused, match=r"Servable not found for request: Specific\(m, 2\)"):
        held(versions, number=2)
    with pytest.raises(Refused, match="Could not find version 2 of model m"):
        versions.status("m", 2)


def test_a_new_version_takes_over_and_the_old_one_ends_when_nobody_holds_it(
    tmp_path: Path, serve: Any, loader: Loader
) -> None:
    versions = serve(model(tmp_path, 1))
    with versions.use("m") as old:
        (tmp_path / "2").mkdir()
        wait_until(lambda: held(versions) == 2)
        wait_until(lambda: states(versions)[1] == "UNLOADING")
        assert not old.servable.closed
    wait_until(lambda: states(versions) == {1: "END", 2: "AVAILABLE"})
    assert [stand.closed for stand in loader.stands] == [True, False]


def test_a_version_that_cannot_be_loaded_takes_nothing_away(tmp_path: Path, serve: Any, loader: Loader) -> None:
    versions = serve(model(tmp_path, 1))
    beside = tmp_path / ".new"
    beside.mkdir()
    (beside / "broken").touch()
    beside.rename(tmp_path / "2")
    wait_until(lambda: loader.loads.count("2") == 3)  # once, and two retries
    assert held(versions) == 1
    newest = versions.status("m")[0]
    wait_until(lambda: newest.state is State.END)
    assert newest.error == "2 is broken"
    (tmp_path / "3").mkdir()
    wait_until(lambda: held(versions) == 3)
    assert loader.loads.count("2") == 3


def test_a_version_whose_warm_up_fails_is_not_served(tmp_path: Path, serve: Any) -> None:
    config = model(tmp_path, 1)
    (tmp_path / "1" / "cold").touch()
    versions = serve(config)
    assert not versions.available()
    assert versions.status("m")[0].error == "warm-up record 1 cannot be replayed"
    (tmp_path / "2").mkdir()
    wait_until(versions.available)


def test_policies(tmp_path: Path, serve: Any) -> None:
    assert states(serve(model(tmp_path, 1, 2, 3, specific=(1, 3)))) == {3: "AVAILABLE", 1: "AVAILABLE"}
    assert states(serve(model(tmp_path, latest=2))) == {3: "AVAILABLE", 2: "AVAILABLE"}
    assert len(states(serve(model(tmp_path, all_versions=True)))) == 3


def test_a_folder_that_is_away_takes_nothing_away_but_an_empty_one_does(tmp_path: Path, serve: Any) -> None:
    base = tmp_path / "m"
    base.mkdir()
    versions = serve(model(base, 1))
    base.rename(tmp_path / "elsewhere")
    versions._sync()
    assert held(versions) == 1
    base.mkdir()
    wait_until(lambda: states(versions) == {1: "END"})
    with pytest.raises(Refused, match="Servable not found"):
        held(versions)
    (base / "1").mkdir()
    wait_until(lambda: held(versions) == 1 if states(versions)[1] == "AVAILABLE" else False)


def test_labels(tmp_path: Path, serve: Any) -> None:
    versions = serve(model(tmp_path, 1, 2, all_versions=True, labels={"stable": 1}))
    assert held(versions, label="stable") == 1
    assert [version.number for version in versions.status("m", label="stable")] == [1]
    with pytest.raises(Refused, match="Unrecognized servable version label: new") as refusal:
        held(versions, label="new")
    assert refusal.value.code is Code.INVALID_ARGUMENT
    versions.reload([ModelConfig("m", tmp_path, all_versions=True, labels={"stable": 2})])
    assert held(versions, label="stable") == 2
    with pytest.raises(Refused, match="label new to version 7 of model m, which is not currently available"):
        versions.reload([ModelConfig("m", tmp_path, all_versions=True, labels={"new": 7})])


def test_reload_replaces_the_models(tmp_path: Path, serve: Any) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "1").mkdir(parents=True)
    versions = serve(ModelConfig("m", tmp_path / "a"))
    versions.reload([ModelConfig("n", tmp_path / "b")])
    with versions.use("n") as version:
        assert version.path.parent.name == "b"
    wait_until(lambda: not versions.listed("m"))
    with pytest.raises(Refused, match="Could not find any versions of model m"):
        versions.status("m")
    (tmp_path / "c").mkdir()
    with pytest.raises(Refused, match="model c: no version could be loaded"):
        versions.reload([ModelConfig("n", tmp_path / "b"), ModelConfig("c", tmp_path / "c")])


def test_requests_go_on_through_many_swaps(tmp_path: Path, serve: Any) -> None:
    versions = serve(model(tmp_path, 1))
    stop, faults = threading.Event(), []

    def client() -> None:
        while not stop.is_set():
            try:
                with versions.use("m") as version:
                    if version.servable.closed:
                        faults.append("closed")
            except Refused as refusal:
                faults.append(refusal.message)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(2, 12):
        (tmp_path / str(number)).mkdir()
        wait_until(lambda number=number: held(versions) == number)
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults


def parsed(text: str) -> Any:
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())


def test_a_configuration_from_a_client_stays_in_the_folders_of_the_start(tmp_path: Path) -> None:
    text = "model_config_list { config { name: 'm' base_path: '%s' } }"
    assert configs_of_proto(parsed(text % (tmp_path / "m")), {tmp_path})[0].base_path == tmp_path / "m"
    for elsewhere in ("/etc", f"{tmp_path}/../x", str(tmp_path), "", "relative"):
        with pytest.raises(Refused, match="lies outside the folders that this server was started for") as refusal:
            configs_of_proto(parsed(text % elsewhere), {tmp_path})
        assert refusal.value.code is Code.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has to hold a model_config_list"),
        ("model_config_list { config { base_path: 'ROOT/m' } }", "the model name '' is empty"),
        ("model_config_list { config { name: 'a/b' base_path: 'ROOT/m' } }", "the model name 'a/b'"),
        ("model_config_list { config { name: 'm' base_path: 'ROOT/m' model_platform: 'x' } }", "model_platform is 'x'"),
        (
            "model_config_list { config { name: 'm' base_path: 'ROOT/m' version_labels { key: 'a b' value: 1 } } }",
            "the version label 'a b' has more in it",
        ),
        (
            "model_config_list { config { name: 'm' base_path: 'ROOT/m' } config { name: 'm' base_path: 'ROOT/n' } }",
            "Illegal to list model m multiple times",
        ),
    ],
)
def test_configurations_that_are_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=message):
        configs_of_proto(parsed(text.replace("ROOT", str(tmp_path))), {tmp_path})


def test_the_models_config_beside_the_versions_gives_policy_and_labels(tmp_path: Path) -> None:
    folder = tmp_path / "cwp"
    folder.mkdir()
    assert config_of_folder(folder) == ModelConfig("cwp", folder)
    (folder / "models.config").write_text(
        "model_config_list { config { name: 'cwp' base_path: '/models/cwp' model_version_policy { specific { "
        "versions: 1 versions: 2 } } version_labels { key: 'stable' value: 1 } } }"
    )
    assert config_of_folder(folder) == ModelConfig("cwp", folder, specific=(1, 2), labels={"stable": 1})
    (folder / "models.config").write_text("model_config_list { config { name: 'other' } }")
    with pytest.raises(ServingError, match="has 0 models named 'cwp', expected one"):
        config_of_folder(folder)
    (folder / "models.config").write_text("what")
    with pytest.raises(ServingError, match=r"models\.config: "):
        config_of_folder(folder)
    with pytest.raises(ServingError, match="no such folder; name one that keras-cwp export wrote"):
        config_of_folder(tmp_path / "nowhere")
