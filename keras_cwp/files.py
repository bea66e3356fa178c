"""Files that appear whole or not at all: write beside, then rename."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from keras_cwp.errors import CwpError

_HERE = -100  # AT_FDCWD of fcntl.h
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2), Linux 3.15


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text so that a reader sees the old file or the new one, never a part.

    Raises:
        CwpError: the folder is missing, not writable or full.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path | str, content: bytes) -> None:
    """The same for bytes."""
    path = Path(path)
    beside = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            beside = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o666 & ~_umask())
        os.replace(beside, path)
    except OSError as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise CwpError(f"cannot write {path}: {error.strerror}") from None


def cache_folder() -> Path:
    """$KERAS_CWP_CACHE, else $XDG_CACHE_HOME/keras_cwp, else ~/.cache/keras_cwp: for what can be made again."""
    own = os.environ.get("KERAS_CWP_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keras_cwp"


@contextlib.contextmanager
def new_folder(path: Path | str) -> Iterator[Path]:
    """A folder to fill; it takes its name when the block ends well and is gone when it does not.

    Raises:
        CwpError: `path` exists and is not an empty folder, or the disk refuses.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise CwpError(f"{path} exists already; name another folder or remove it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise CwpError(f"cannot write {path}: {error.strerror}") from None
    try:
        yield beside
        beside.chmod(0o777 & ~_umask())
        os.replace(beside, path)
    except OSError as error:
        raise CwpError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextlib.contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; when the block ends well it stands under `path` and what stood there is gone.

    Left-overs of earlier calls that were killed are removed.

    Raises:
        CwpError: the disk refuses.
    """
    prefix = f".{path.name}.preparing."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f"{prefix}{os.getpid()}."))
        _remove_abandoned(path.parent, prefix)
        beside.chmod(0o777 & ~_umask())
    except OSError as error:
        raise CwpError(f"cannot write {path}: {error.strerror}") from None
    try:
        yield beside
        _exchange(beside, path)
    except OSError as error:
        raise CwpError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _exchange(new: Path, path: Path) -> None:
    if not path.exists() or not any(path.iterdir()):
        os.replace(new, path)
    elif not _exchange_at_once(new, path):
        old = new.with_name(new.name + ".old")
        os.rename(path, old)
        os.rename(new, path)
        shutil.rmtree(old, ignore_errors=True)


def _exchange_at_once(new: Path, path: Path) -> bool:
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # not Linux, or a C library before 2018
        return False
    return rename(_HERE, os.fsencode(new), _HERE, os.fsencode(path), _EXCHANGE) == 0


def _remove_abandoned(parent: Path, prefix: str) -> None:
    for entry in parent.iterdir():
        if entry.name.startswith(prefix) and not _is_running(entry.name.removeprefix(prefix).split(".")[0]):
            shutil.rmtree(entry, ignore_errors=True)


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
