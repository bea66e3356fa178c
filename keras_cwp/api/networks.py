"""Architectures and their cost, weights of other software, and a look at an augmentation policy."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from keras_cwp.api.data import PathLike, Source, open_data
from keras_cwp.config import ModelConfig
from keras_cwp.runtime import import_tensorflow
from keras_cwp.schema import validated

if TYPE_CHECKING:
    import pandas as pd

_ANY_SIDE = 224  # pixels; the weights of a network do not depend on it


def architectures(
    names: Iterable[str] = (), *, classes: int = 3, image_size: int = 224, eca: str = "unit", repeats: int = 15
) -> pd.DataFrame:
    """Parameters, multiply-accumulates and CPU latency of architectures.

    Args:
        names: rows of `keras_cwp.models.presets.PRESETS`; none: all of them.
        image_size: side of the input, pixels.
        eca: where ECA is placed: none, unit, every_conv or stem_head.
        repeats: images timed.

    Returns:
        Columns arch, parameters, million_macs, ms_per_image. ShuffleNet V2 is timed as an export runs it.

    Raises:
        ModelError: an unknown name.
    """
    import_tensorflow()
    import pandas as pd

    from keras_cwp.models.build import build_model
    from keras_cwp.models.cost import measure

    rows = []
    for name in names_of(names):
        config = validated(ModelConfig, {"arch": name, "eca": eca}, "architectures")
        cost = measure(build_model(config, classes, image_size), repeats)
        rows.append((name, cost.parameters, cost.macs / 1e6, cost.latency_ms))
    return pd.DataFrame(rows, columns=["arch", "parameters", "million_macs", "ms_per_image"])


def names_of(names: Iterable[str] = ()) -> tuple[str, ...]:
    """The architectures named, or all of them."""
    from keras_cwp.models.presets import PRESETS

    return tuple(names) or tuple(PRESETS)


def import_weights(
    file: PathLike,
    out: PathLike,
    *,
    grey: bool = True,
    normalised: bool | None = None,
    classes: int | None = None,
) -> str:
    """Turn a PyTorch checkpoint of ShuffleNet V2 or of the authors' network into a .weights.h5, without PyTorch.

    Args:
        file: .pth or .safetensors.
        out: a .weights.h5 for `model.weights`.
        grey: fold an RGB stem into a grey one, exact for R = G = B; False keeps a network of RGB images.
        normalised: whether it was trained on ImageNet-normalised pixels; None: torchvision's were, the authors' were
            not.
        classes: drop the head unless it has so many classes.

    Returns:
        What was written, in a sentence.

    Raises:
        ModelError: a file that cannot be read, or of another network.
    """
    import_tensorflow()
    from keras_cwp.models.own_weights import write_weights
    from keras_cwp.models.pretrained import read_network
    from keras_cwp.models.torch_weights import with_classes

    network = read_network(Path(file), _ANY_SIDE, grey=grey, normalised=normalised)
    had, dropped = network.output_shape[-1], ""
    if classes is not None and classes != had:
        network = with_classes(network, classes)
        dropped = f"; the head for {had} classes is dropped, a new one for {classes} starts at random"
    write_weights(network, Path(out))
    shape = f"{network.count_params():,} parameters, {network.output_shape[-1]} classes"
    return f"{out}: {network.name}, {shape}{dropped}"


def preview_augmentation(
    data: Source,
    out: PathLike,
    *,
    policy: str = "paper",
    gif: PathLike | None = None,
    rois: int = 5,
    draws: int = 6,
    seed: int = 0,
) -> int:
    """Draw a contact sheet of an augmentation policy: each ROI as it is, then as training would see it.

    Args:
        data: prepared data set.
        out: the contact sheet, PNG.
        policy: a name of policies.yaml, or a YAML file.
        gif: an animation to write as well.
        rois: how many ROIs, of all classes.
        draws: of each.

    Returns:
        The number of ROIs drawn.

    Raises:
        ConfigError: an unknown policy, or one that names classes which the data set lacks.
        DataError: not a prepared data set.
    """
    import_tensorflow()
    from keras_cwp.augment.layer import Augment
    from keras_cwp.augment.opacities import shown_opacities
    from keras_cwp.augment.policy import load_policy
    from keras_cwp.augment.preview import animation, choose_rows, contact_sheet, drawn_views
    from keras_cwp.data.pipeline import batches
    from keras_cwp.files import write_bytes

    layer_policy = load_policy(policy)
    opened = open_data(data)
    rows = choose_rows(opened.labels, rois, seed)
    crops, labels, rows = (part.numpy() for part in next(iter(batches(opened, rows, batch_size=len(rows)))))
    layer = Augment(layer_policy, opened.image_size, opened.margin, seed=seed, jit_compile=False)
    lay = shown_opacities(layer_policy.opacities, opened, crops, rows, seed) if layer_policy.opacities else None
    views, captions = drawn_views(layer, crops, draws, seed, lay)
    names = [opened.classes[label] for label in labels]
    write_bytes(Path(out), contact_sheet(views, captions, names, f"policy {policy}, {opened.image_size} px"))
    if gif is not None:
        write_bytes(Path(gif), animation(views))
    return len(rows)
