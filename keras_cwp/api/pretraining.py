"""Weights from radiographs that nobody has marked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keras_cwp.api.data import PathLike
from keras_cwp.api.progress import or_silent
from keras_cwp.config import ModelConfig, validated
from keras_cwp.errors import CwpError
from keras_cwp.runtime import import_tensorflow

if TYPE_CHECKING:
    from rich.console import Console

_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Pretraining:
    """What a pretraining gave.

    Args:
        weights: the file, for `model.weights`.
        films: radiographs that were trained on.
        left_out: radiographs that look like one that has to stay unseen.
        auc: of each simulated finding, on radiographs of other patients; says that training worked, and no more.
    """

    weights: Path
    films: int
    left_out: int
    auc: dict[str, float]


def pretrain(
    data: PathLike,
    out: PathLike,
    *,
    labels: PathLike | None = None,
    unseen: Iterable[PathLike] = (),
    arch: str = "shufflenet_v2_x0_5",
    eca: str = "unit",
    weights: str | None = None,
    teacher: str | None = "imagenet",
    image_size: int = 128,
    epochs: int = 8,
    regions: int = 24,
    phantoms: int = 10,
    seed: int = 0,
    threads: int | None = None,
    console: Console | None = None,
) -> Pretraining:
    """Pretrain a network on radiographs without marked regions; what was interrupted is continued.

    Opacities are simulated in films without findings, and the network learns to name them; beside that it imitates the
    features of an ImageNet network. Nothing in this is a real pneumoconiosis.

    Args:
        data: folder of frontal radiographs.
        out: a .safetensors for `model.weights`; what a continuation needs is kept beside it in a folder.
        labels: CSV image,labels[,patient_id]; None: labels.csv of the folder, else every film counts as free of
            findings.
        unseen: folders of radiographs that figures are to be reported for; what looks like one of them is left out.
        arch, eca: the network, as in the configuration.
        weights: where the network starts; None: at random.
        teacher: `imagenet` (EfficientNet-Lite0, extra `imagenet`), a file of weights, or None for no teacher.
        image_size: side of the views, pixels.
        epochs: passes over the views.
        regions: views of each film that is large enough.
        phantoms: normal phantoms that are drawn besides.
        seed: of everything random.
        threads: that an operation is divided among; None: all cores.

    Raises:
        CwpError: no radiographs, another suffix, a network that cannot be built, or a folder of another pretraining.
    """
    from keras_cwp.training.films import find_films, without_copies

    target = Path(out)
    if target.suffix != _SUFFIX:
        raise CwpError(f"weights {out}: the name has to end in {_SUFFIX}")
    model = validated(ModelConfig, {"arch": arch, "eca": eca, "weights": weights, "dropout": 0.0}, "pretraining")
    found = find_films(Path(data), None if labels is None else Path(labels))
    films, left_out = without_copies(found, [Path(folder) for folder in unseen])
    import_tensorflow()
    from keras_cwp.runtime import use_threads
    from keras_cwp.training.make_weights import make_weights
    from keras_cwp.training.pretrain import PretrainSettings

    use_threads(threads)
    settings = PretrainSettings(model=model, image_size=image_size, epochs=epochs, seed=seed)
    areas = make_weights(films, settings, target, or_silent(console), teacher, regions, phantoms)
    return Pretraining(target, len(films), left_out, areas)
