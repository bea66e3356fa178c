"""What stands beside the versions of a model: the files that TensorFlow Serving is started with."""

from __future__ import annotations

from pathlib import Path
from string import Template

from keras_cwp.errors import ServingError
from keras_cwp.files import write_text
from keras_cwp.prediction.card import versions

_TEMPLATES = Path(__file__).with_name("bundle_files")
FILES = (
    "models.config",
    "batching_parameters.txt",
    "monitoring.config",
    "docker-compose.yml",
    "probe",
    "README.md",
)
_TEMPLATE_SUFFIX = ".in"
BATCH_SIZES = (1, 2, 4, 8, 16, 32)  # the allowed batch sizes of batching_parameters.txt


def write_bundle_files(folder: Path) -> list[Path]:
    """Write the files that are not there yet; one that somebody adapted to a server stays as it is.

    Args:
        folder: saved_models/NAME; its name is the model's name.

    Returns:
        The files written.
    """
    written = []
    for name in FILES:
        path = folder / name
        if not path.exists():
            write_text(path, _filled(name, folder.name))
            written.append(path)
    (folder / "probe").chmod(0o755)
    return written


def free_version(folder: Path, wanted: int | None) -> int:
    """The version to write: the one wanted, or one more than the largest there.

    Raises:
        ServingError: the one wanted is there already; a server may be using it.
    """
    if wanted is None:
        return max(versions(folder), default=0) + 1
    if wanted in versions(folder):
        raise ServingError(
            f"{folder / str(wanted)} exists already and is never overwritten, because a server may be using it; "
            f"leave --version out for {max(versions(folder)) + 1}"
        )
    return wanted


def check_same_format(folder: Path, file: str) -> None:
    """Refuse a model's folder that holds versions of another format: a server takes the largest number there.

    Args:
        file: that every version of this format has.

    Raises:
        ServingError: a version without it.
    """
    for version in versions(folder):
        if not (folder / str(version) / file).is_file():
            raise ServingError(
                f"{folder / str(version)} has no {file}: {folder} holds versions of another format; name another "
                "folder, one a format"
            )


def _filled(name: str, model: str) -> str:
    text = (_TEMPLATES / f"{name}{_TEMPLATE_SUFFIX}").read_text(encoding="utf-8")
    sizes = "\n".join(f"allowed_batch_sizes: {size}" for size in BATCH_SIZES)
    return Template(text).substitute(NAME=model, MAX_BATCH=BATCH_SIZES[-1], ALLOWED_BATCH_SIZES=sizes)
