"""What is wrong with the lines and files of one input, gathered so that one run names all of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from keras_cwp.errors import DataError
from keras_cwp.wording import plural, verb

SHOWN = 20  # faults that a message names; the others are counted
SHOWN_IMAGES = 3  # images that are not in the folder; where the folder is the wrong one, all are not


def ignore_note(_: str) -> None:
    """The default of `note`."""


class MissingImageError(DataError):
    """A name that is no image of the folder.

    Args:
        message: as of any DataError.
        name: of the image.
        folder: where it was looked for.
    """

    def __init__(self, message: str, name: str, folder: Path) -> None:
        super().__init__(message)
        self.name, self.folder = name, folder


class Faults:
    """Gathers DataErrors.

    Args:
        skip: leave out what is wrong, with a note, instead of raising.
        note: gets that note.
        left_out: gets each fault that is left out, with the number 1, instead of `note`.
    """

    def __init__(
        self,
        skip: bool = False,
        note: Callable[[str], None] = ignore_note,
        left_out: Callable[[DataError, int], None] | None = None,
    ) -> None:
        self.skip, self.note, self._left_out = skip, note, left_out
        self._clear()

    def _clear(self) -> None:
        self._messages: list[str] = []
        self._missing: dict[str, Path] = {}  # names of images → the folder that lacks them
        self._count = self._unnamed = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def gathered(self) -> AbstractContextManager[None]:
        """A block whose DataError is kept instead of passing; the lines of the block after it are left out."""
        return _Gathered(self)

    def add(self, error: DataError) -> None:
        """Keep one fault."""
        if self.skip and self._left_out is not None:
            self._left_out(error, 1)
            return
        self._count += 1
        if isinstance(error, MissingImageError):
            seen = error.name in self._missing
            self._missing[error.name] = error.folder
            if seen or len(self._missing) > SHOWN_IMAGES:
                return
        if len(self._messages) < SHOWN:
            self._messages.append(str(error))
        else:
            self._unnamed += 1

    def settle(self, source: str) -> None:
        """Raise one error that names all faults, or note how many were left out.

        Args:
            source: the file or folder that was read.

        Raises:
            DataError: there are faults and they are not to be skipped.
        """
        if not self._count:
            return
        said, count = "; ".join([*self._messages, *self._others()]), self._count
        self._clear()
        if self.skip:
            self.note(f"{source}: {count} {'entry' if count == 1 else 'entries'} left out: {said}")
        elif count == 1:
            raise DataError(said)
        else:
            raise DataError(f"{source}: {count} entries cannot be used: {said}; --skip-bad leaves them out")

    def _others(self) -> list[str]:
        """How many faults the messages do not name."""
        images = len(self._missing) - SHOWN_IMAGES
        found = []
        if images > 0:
            found.append(f"{plural(images, 'more image')} {verb(images, 'is', 'are')} not in {self._folders()}")
        if self._unnamed:
            found.append(f"and {self._unnamed} more")
        return found

    def _folders(self) -> str:
        return ", ".join(map(str, dict.fromkeys(self._missing.values())))


class _Gathered(AbstractContextManager[None]):
    """A class, because a generator would take half of the time of reading a long table."""

    __slots__ = ("_faults",)

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if isinstance(error, DataError):
            self._faults.add(error)
            return True
        return False
