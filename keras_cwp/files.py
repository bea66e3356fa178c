"""Files that appear whole or not at all: write beside, then rename."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from keras_cwp.errors import CwpError


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


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
