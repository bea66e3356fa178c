"""Files and folders that appear whole or not at all: write beside, then rename. Locks, hashes, the cache folder."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from keras_cwp.errors import CwpError

try:
    import fcntl
except ImportError:  # Windows has no flock(2): nothing is locked there
    fcntl = None  # type: ignore[assignment]

_HERE = -100  # AT_FDCWD of fcntl.h
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2), Linux 3.15
_CHUNK_BYTES = 1 << 20
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)  # some network disks: nothing is locked there


def cache_folder() -> Path:
    """Where downloads and data sets prepared on the fly are kept; it need not exist.

    $KERAS_CWP_CACHE, else keras_cwp in the user's cache folder: $XDG_CACHE_HOME or ~/.cache on Linux.
    """
    import platformdirs

    stated = os.environ.get("KERAS_CWP_CACHE")
    return Path(stated) if stated else platformdirs.user_cache_path("keras_cwp", appauthor=False)


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


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def new_folder(path: Path | str) -> Iterator[Path]:
    """A folder to fill; it takes its name when the block ends well, and is gone with parents made for it otherwise.

    Raises:
        CwpError: `path` exists and is not an empty folder, or the disk refuses.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise CwpError(f"{path} exists already; name another folder or remove it")
    try:
        with _beside(path.parent, path.name) as beside:
            yield beside
            beside.chmod(0o777 & ~_umask())
            os.replace(beside, path)
    except OSError as error:
        raise CwpError(f"cannot write {path}: {error.strerror or error}") from None


@contextlib.contextmanager
def locked_folder(path: Path | str, wait: bool = False) -> Iterator[None]:
    """Keep other processes out of a folder while the block runs. A process that ends, or is killed, loses its locks.

    The lock is on a file `.NAME.lock` beside the folder and not in it, because `replaced_folder` exchanges the folder.

    Args:
        path: it need not exist.
        wait: until another process is done, instead of an error.

    Raises:
        CwpError: another process works in the folder, or the disk refuses.
    """
    place = Path(path).resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(place.with_name(f".{place.name}.lock"), wait)
    except BlockingIOError:
        raise CwpError(
            f"{path} is in use by another process of keras-cwp; wait until it has ended, or name another folder"
        ) from None
    except OSError as error:
        raise CwpError(f"cannot write {path}: {error.strerror or error}") from None
    try:
        yield
    finally:
        _unlock(lock)


@contextlib.contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; when the block ends well it stands under `path` and what stood there is gone.

    The caller holds `locked_folder(path)`, so what lies beside under the same name was left by a call that was
    killed, and is removed.

    Raises:
        CwpError: the disk refuses.
    """
    path = path.resolve()  # not the link, if it is one
    prefix = f".{path.name}.preparing."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for abandoned in path.parent.glob(f"{glob.escape(prefix)}*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=prefix))
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


@contextlib.contextmanager
def updated_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; when the block ends well its files stand in `path` too, in place of files of the same names.

    Other files in `path` stay. When the block does not end well, `path` is as it was, or is not there.

    Raises:
        CwpError: the disk refuses; the message names the file under `path` that was to be written.
    """
    try:
        with _beside(path if path.is_dir() else path.parent, path.name) as beside:
            try:
                yield beside
            except CwpError as error:
                raise type(error)(str(error).replace(str(beside), str(path))) from None
            beside.chmod(0o777 & ~_umask())
            _move_into(beside, path)
    except OSError as error:
        raise CwpError(f"cannot write {path}: {error.strerror or error}") from None


@contextlib.contextmanager
def _beside(home: Path, name: str) -> Iterator[Path]:
    """A new folder `.NAME.writing.xxxxxxxx` in `home`, locked while the block runs; what is left of it then is removed.

    `home` and its parents are made, and removed again where the block leaves nothing in them. Folders of that name
    which no process locks were left by killed ones, and are removed first.

    Raises:
        OSError: the disk refuses.
    """
    new = [each for each in (home, *home.parents) if not each.exists()]
    home.mkdir(parents=True, exist_ok=True)
    prefix = f".{name}.writing."
    for found in home.glob(f"{glob.escape(prefix)}*"):
        with contextlib.suppress(OSError), _locked(found, wait=False) as alone:
            if alone:
                shutil.rmtree(found, ignore_errors=True)
    while True:
        folder = Path(tempfile.mkdtemp(dir=home, prefix=prefix))
        with _locked(folder, wait=True):
            if not folder.exists():  # another process took it for abandoned before it was locked
                continue
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
                for each in new:
                    with contextlib.suppress(OSError):  # not empty: the block ended well
                        each.rmdir()
            return


@contextlib.contextmanager
def _locked(folder: Path, wait: bool) -> Iterator[bool]:
    """The lock of a folder itself, which goes along when it is renamed; whether this system has such locks."""
    if fcntl is None:
        yield False
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield _flock(handle, wait)
    finally:
        os.close(handle)


def _move_into(new: Path, path: Path) -> None:
    """Rename folders that are new as a whole, and files into folders that exist."""
    if new.is_file() or not path.exists():
        os.replace(new, path)
        return
    for entry in sorted(new.iterdir(), key=lambda entry: (entry.is_file(), entry.name)):
        _move_into(entry, path / entry.name)


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


def _lock(file: Path, wait: bool) -> TextIO:
    """A file that is opened and locked.

    By flock(2) itself: the filelock library takes a tenth of a second to import, leaves its file behind, and some of
    its versions let two processes in where the file is removed.

    Raises:
        BlockingIOError: another process has the lock, and `wait` is false.
    """
    while True:
        lock = open(file, "a")  # noqa: SIM115 - closed by _unlock
        try:
            _flock(lock.fileno(), wait)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(file), os.fstat(lock.fileno())):
                    return lock
        except OSError:
            lock.close()
            raise
        lock.close()  # the process that had the lock removed the file in between


def _flock(handle: int, wait: bool) -> bool:
    """Lock an open file or folder; whether the disk can."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True


def _unlock(lock: TextIO) -> None:
    with contextlib.suppress(OSError):  # gone already, or open elsewhere on Windows
        os.unlink(lock.name)  # before the lock ends; who waits for it then sees that the file is another
    lock.close()


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value
