"""Which models are served, from which folders, in which versions, under which labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from keras_cwp.errors import ServingError
from keras_cwp.serving.server.status import Code, Refused, invalid

FILE = "models.config"
_LABEL = re.compile(r"[a-zA-Z0-9_]+")
_LARGEST_INT64 = 2**63 - 1


@dataclass(frozen=True)
class ModelConfig:
    """One model.

    Args:
        name: in URLs.
        base_path: folder of the versions.
        latest: how many of the largest versions are served.
        specific: these versions instead; None: `latest` counts.
        all_versions: all of them instead.
        labels: version by label.
    """

    name: str
    base_path: Path
    latest: int = 1
    specific: tuple[int, ...] | None = None
    all_versions: bool = False
    labels: Mapping[str, int] = field(default_factory=dict)

    def wanted(self) -> dict[int, Path]:
        """Folders of the versions to serve, by number, ascending.

        Raises:
            OSError: the base path cannot be read.
        """
        found = version_folders(self.base_path)
        if self.specific is not None:
            return {version: path for version, path in found.items() if version in self.specific}
        return found if self.all_versions else dict(list(found.items())[-self.latest :])


def version_folders(base_path: Path) -> dict[int, Path]:
    """Folders whose names are whole numbers, by number, ascending; everything else is skipped."""
    found = [path for path in base_path.iterdir() if re.fullmatch(r"[0-9]{1,19}", path.name) and path.is_dir()]
    return {int(path.name): path for path in sorted(found, key=lambda path: int(path.name)) if _is_int64(path.name)}


def why_nothing(config: ModelConfig) -> str:
    """Why a model's folder has no version to load."""
    folder = config.base_path
    try:
        found = version_folders(folder)
    except OSError as error:
        return f"{folder} cannot be read: {error.strerror}"
    if found:
        return f"{folder} holds the versions {', '.join(map(str, found))}, and none of them is asked for"
    if (folder / "saved_model.pb").is_file():
        return f"{folder} is itself a version; name the folder that it lies in, {folder.parent}"
    return f"no version folder, whose name is a whole number, lies in {folder}; keras-cwp export writes one"


def config_of_folder(folder: Path) -> ModelConfig:
    """The model of saved_models/NAME: policy and labels of its models.config, if one stands there.

    Raises:
        ServingError: no such folder, a models.config that cannot be read, or one without the model.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise ServingError(f"{folder}: no such folder; name one that keras-cwp export wrote, saved_models/NAME")
    path = folder / FILE
    if not path.exists():
        return ModelConfig(folder.name, folder)
    try:
        server = text_format.Parse(path.read_text(encoding="utf-8"), model_server_config_pb2.ModelServerConfig())
        protos = [each for each in server.model_config_list.config if each.name == folder.name]
        if len(protos) != 1:
            raise ServingError(f"{path}: has {len(protos)} models named {folder.name!r}, expected one")
        return _checked(protos[0], folder)
    except (OSError, UnicodeDecodeError, text_format.ParseError, Refused) as error:
        raise ServingError(f"{path}: {error}") from None


def configs_of_proto(server: Any, roots: set[Path]) -> list[ModelConfig]:
    """The models of a ModelServerConfig that a client sent.

    Args:
        roots: a base path has to lie in one of these folders, or a client could have any file of this machine read.

    Raises:
        Refused: no list of models, a name twice, or a base path elsewhere.
    """
    if server.WhichOneof("config") != "model_config_list":
        raise invalid("ModelServerConfig has to hold a model_config_list")
    configs = [_checked(proto, _allowed(proto.base_path, roots)) for proto in server.model_config_list.config]
    names = [config.name for config in configs]
    for name in names:
        if names.count(name) > 1:
            raise invalid(f"Illegal to list model {name} multiple times in config list")
    return configs


def _checked(proto: Any, base_path: Path) -> ModelConfig:
    if not proto.name or not re.fullmatch(r"[^/:]+", proto.name):
        raise invalid(f"the model name {proto.name!r} is empty or has '/' or ':' in it")
    if proto.model_platform not in ("", "tensorflow"):
        raise invalid(f"model {proto.name}: model_platform is {proto.model_platform!r}, expected 'tensorflow'")
    bad = [label for label in proto.version_labels if not _LABEL.fullmatch(label)]
    if bad:
        raise invalid(f"model {proto.name}: the version label {bad[0]!r} has more in it than letters, digits and '_'")
    policy = proto.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    return ModelConfig(
        proto.name,
        base_path,
        latest=(policy.latest.num_versions if kind == "latest" else 0) or 1,
        specific=tuple(policy.specific.versions) if kind == "specific" else None,
        all_versions=kind == "all",
        labels=dict(proto.version_labels),
    )


def _allowed(base_path: str, roots: set[Path]) -> Path:
    try:
        path = Path(base_path).resolve()
    except (OSError, ValueError, RuntimeError):
        raise invalid(f"base_path {base_path!r} is no path") from None
    if not base_path or not any(path.is_relative_to(root) and path != root for root in roots):
        raise Refused(
            Code.PERMISSION_DENIED,
            f"base_path {base_path!r} lies outside the folders that this server was started for: "
            f"{', '.join(sorted(map(str, roots)))}",
        )
    return path


def _is_int64(text: str) -> bool:
    return int(text) <= _LARGEST_INT64
