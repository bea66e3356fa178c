"""Files and folders that appear whole or not at all, locks, and where the cache is."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from keras_cwp.errors import CwpError
from keras_cwp.files import (
    cache_folder,
    file_sha256,
    locked_folder,
    new_folder,
    replaced_folder,
    updated_folder,
    write_text,
)

HOLDS_A_LOCK = """
import sys, time
from keras_cwp.files import locked_folder
with locked_folder(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""

FILLS_A_FOLDER = """
import sys, time
from pathlib import Path
from keras_cwp import files
with getattr(files, sys.argv[1])(Path(sys.argv[2])) as folder:
    (folder / "half").write_text("half")
    print("begun", flush=True)
    time.sleep(600)
"""

COUNTS = """
import sys, time
from pathlib import Path
from keras_cwp.files import locked_folder
count = Path(sys.argv[1], "count")
for _ in range(50):
    with locked_folder(Path(sys.argv[1], "data"), wait=True):
        number = int(count.read_text())
        time.sleep(0.001)
        count.write_text(str(number + 1))
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of tmp_path / "data"."""
    command = [sys.executable, "-c", HOLDS_A_LOCK, str(tmp_path / "data")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.usefixtures("holder")
def test_a_folder_in_use_is_refused_and_named(tmp_path):
    with (
        pytest.raises(CwpError, match=r"data is in use by another process of keras-cwp; wait"),
        locked_folder(tmp_path / "data"),
    ):
        pass


@pytest.mark.usefixtures("holder")
@pytest.mark.parametrize("spelling", ["data/", "x/../data", "link"])
def test_another_spelling_of_the_folder_is_refused_too(tmp_path, spelling):
    (tmp_path / "x").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(CwpError, match="in use by another process"), locked_folder(f"{tmp_path}/{spelling}"):
        pass


@pytest.mark.usefixtures("holder")
def test_other_folders_are_free(tmp_path):
    with locked_folder(tmp_path / "data2"), locked_folder(tmp_path / "dat"):
        pass


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_loses_its_lock(holder, tmp_path, how):
    holder.send_signal(how)
    holder.wait()
    with locked_folder(tmp_path / "data"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_free_after_an_error_and_leaves_no_file(tmp_path):
    with pytest.raises(KeyError), locked_folder(tmp_path / "new" / "run"):
        raise KeyError
    with locked_folder(tmp_path / "new" / "run"):
        pass
    assert list((tmp_path / "new").iterdir()) == []


def test_who_waits_gets_the_lock_when_it_is_free(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    with locked_folder(tmp_path / "data", wait=True):
        pass


@pytest.mark.slow
def test_one_at_a_time_though_the_file_comes_and_goes(tmp_path):
    """Four processes take the lock in turn, 50 times each; two of them inside at once would lose a count."""
    (tmp_path / "count").write_text("0")
    command = [sys.executable, "-c", COUNTS, str(tmp_path)]
    running = [subprocess.Popen(command, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}) for _ in range(4)]
    assert [process.wait(timeout=120) for process in running] == [0] * 4
    assert (tmp_path / "count").read_text() == "200"


def test_lock_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CwpError, match=r"cannot write .*file.data: "), locked_folder(tmp_path / "file" / "data"):
        pass


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_disk_without_locks_can_be_used(tmp_path, monkeypatch, code):
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", refuse)
    with locked_folder(tmp_path / "data"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_replaced_folder_removes_what_a_killed_call_left(tmp_path):
    (tmp_path / ".data.preparing.x1").mkdir()
    (tmp_path / ".data[1].preparing.x1").mkdir()
    with replaced_folder(tmp_path / "data") as folder:
        (folder / "a").write_text("new")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".data[1].preparing.x1", "data"]


def test_replaced_folder_behind_a_link(tmp_path):
    (tmp_path / "disk" / "old").mkdir(parents=True)
    (tmp_path / "disk" / "old" / "a").write_text("old")
    (tmp_path / "data").symlink_to(tmp_path / "disk" / "old")
    with replaced_folder(tmp_path / "data") as folder:
        (folder / "a").write_text("new")
    assert (tmp_path / "data").is_symlink()
    assert (tmp_path / "data" / "a").read_text() == "new"
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["old"]


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_CWP_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "keras_cwp"
    monkeypatch.setenv("KERAS_CWP_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system has another rule")
def test_the_cache_without_a_word(monkeypatch):
    monkeypatch.delenv("KERAS_CWP_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path.home() / ".cache" / "keras_cwp"


def test_hash_of_a_file_larger_than_a_piece(tmp_path):
    (tmp_path / "a").write_bytes(b"a" * (1 << 20) + b"b")
    expected = subprocess.run(["sha256sum", tmp_path / "a"], capture_output=True, text=True, check=True).stdout[:64]
    assert file_sha256(tmp_path / "a") == expected


def test_write_that_the_disk_refuses_leaves_the_old_text(tmp_path, monkeypatch):
    write_text(tmp_path / "a", "old")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(CwpError, match=r"cannot write .*a: No space left on device"):
        write_text(tmp_path / "a", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


@pytest.fixture(params=["new_folder", "updated_folder"])
def filler(tmp_path, request):
    """A process that fills tmp_path / "run", and the function that it calls."""
    command = [sys.executable, "-c", FILLS_A_FOLDER, request.param, str(tmp_path / "run")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    yield process, {"new_folder": new_folder, "updated_folder": updated_folder}[request.param]
    process.kill()
    process.wait()
    process.stdout.close()


def test_what_a_killed_process_left_goes_with_the_next_call(filler, tmp_path):
    process, function = filler
    (tmp_path / ".run.notes").mkdir()
    (tmp_path / ".run.2.writing.abcdefgh").mkdir()
    with function(tmp_path / "run") as folder:
        (folder / "file").write_text("whole")
        assert len(list(tmp_path.glob(".run.writing.*"))) == 2  # that of a process at work stays
    process.kill()
    process.wait()
    assert [file.name for file in tmp_path.glob(".run.writing.*/*")] == ["half"]
    with function(tmp_path / "run2") as folder:
        (folder / "file").write_text("whole")
    assert list(tmp_path.glob(".run.writing.*"))  # of another name
    (tmp_path / "run" / "file").unlink()
    (tmp_path / "run").rmdir()
    with function(tmp_path / "run") as folder:
        (folder / "file").write_text("whole")
    assert (tmp_path / "run" / "file").read_text() == "whole"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        ".run.2.writing.abcdefgh",
        ".run.notes",
        "run",
        "run2",
    ]


def test_a_folder_that_was_taken_for_abandoned_is_made_anew(tmp_path, monkeypatch):
    flock = fcntl.flock
    taken = []

    def remove_first(handle, how):
        if not taken:
            taken.extend(tmp_path.glob(".run.writing.*"))
            taken[0].rmdir()
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    with new_folder(tmp_path / "run") as folder:
        (folder / "file").write_text("whole")
    assert taken
    assert (tmp_path / "run" / "file").read_text() == "whole"


@pytest.mark.parametrize("make", [new_folder, updated_folder])
def test_a_folder_that_fails_leaves_no_new_parents_and_every_old_one(make, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "kept").mkdir()
    for parts in ("old/new/other/run", "kept/run"):
        with pytest.raises(CwpError, match="cannot write"), make(tmp_path / parts) as folder:
            (folder / "nothing").read_text()
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["kept", "old"]


def test_a_disk_without_locks_loses_no_folder_in_use(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with new_folder(tmp_path / "run") as folder:
        with new_folder(tmp_path / "run") as other:
            (other / "file").write_text("second")
        assert folder.is_dir()
        (tmp_path / "run" / "file").unlink()
    assert (tmp_path / "run").is_dir()
