"""Do heat maps point at the finding? On phantoms the true place is known.

A network is trained on windows of phantom radiographs, in which an opacity lies anywhere. On windows of other phantoms
each method's map of the true class is judged by two measures, against a map that always points at the centre:
  hit     share of maps whose largest value lies on the opacity (the pointing game, Zhang et al., IJCV 126 (2018) 1084);
  energy  share of the map's sum that lies on the opacity.
`random` is the same method with a network of random weights: a map that is no better shows nothing of the network.

    python scripts/bench_explain.py --weights WEIGHTS.safetensors
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

import cv2
import keras
import numpy as np

from keras_cwp.config import ModelConfig
from keras_cwp.data.phantom.anatomy import Anatomy
from keras_cwp.data.phantom.exposure import Exposure, expose
from keras_cwp.data.phantom.opacities import large_opacity, small_opacities
from keras_cwp.data.phantom.thorax import Thorax, draw_thorax
from keras_cwp.explain.heat_maps import METHODS, default_method, fine_layer, raw_maps
from keras_cwp.explain.trust import randomised, try_maps
from keras_cwp.models.build import build_model

CLASSES = ("normal", "small_opacities", "large_opacity")
RADIOGRAPH_PX = 512
WINDOW_MM = 70.0  # more than the box that the opacity lies in, so that the centre says little
BOX_MM = 40.0
CENTRE = (0.25, 0.75)  # where the box's centre lies in the window, share of its side
IN_LUNG = 0.95  # of the box
OF_A_THORAX = 12  # windows of one phantom, each with its own place, opacity and exposure
MASKED = 0.15  # of the opacity's largest path length: what counts as on the opacity
LUNG_MM = 40.0


def window(thorax: Thorax, random: np.random.Generator, label: int, side_px: int) -> tuple[np.ndarray, np.ndarray]:
    """A window of a new exposure, float32 [side_px, side_px] in [0, 1], and the opacity in it, bool."""
    wide, box = (round(mm / thorax.mm_per_px) for mm in (WINDOW_MM, BOX_MM))
    x, y = place(thorax, box, random)
    layer = np.zeros(thorax.water.shape, np.float32)
    if label == 1:
        layer = small_opacities(layer.shape, (x, y, box, box), thorax.mm_per_px, "r", random)
    elif label == 2:
        layer = large_opacity(layer.shape, (x, y, box, box), thorax.mm_per_px, random)
    layer = layer * (thorax.lung > 0)
    pixels = expose(thorax.water + layer, thorax.bone, thorax.mm_per_px, Exposure.draw(random), random)
    left, top = (int(np.clip(at + box // 2 - random.uniform(*CENTRE) * wide, 0, RADIOGRAPH_PX - wide)) for at in (x, y))
    cut = slice(top, top + wide), slice(left, left + wide)
    grey = pixels[cut].astype(np.float32) / np.iinfo(pixels.dtype).max
    mask = (layer[cut] > MASKED * max(float(layer.max()), 1e-6)).astype(np.float32)
    size = (side_px, side_px)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA), cv2.resize(mask, size) > 0.5


def place(thorax: Thorax, box: int, random: np.random.Generator) -> tuple[int, int]:
    """Corner of a square of `box` pixels that lies in the lung."""
    inside = cv2.boxFilter((thorax.lung > LUNG_MM).astype(np.float32), -1, (box, box), anchor=(0, 0))
    fits = inside[: RADIOGRAPH_PX - box, : RADIOGRAPH_PX - box]
    rows, columns = np.nonzero(fits >= min(IN_LUNG, float(fits.max())))
    chosen = random.integers(len(rows))
    return int(columns[chosen]), int(rows[chosen])


def windows(count: int, seed: int, side_px: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images [count, side, side, 1], labels [count] in turn, masks [count, side, side]."""
    labels = np.arange(count) % len(CLASSES)
    drawn = []
    for number, label in enumerate(labels):
        if number % OF_A_THORAX == 0:
            random = np.random.default_rng([seed, number])
            thorax = draw_thorax(Anatomy.draw(random), RADIOGRAPH_PX)
        drawn.append(window(thorax, random, int(label), side_px))
    return np.stack([grey for grey, _ in drawn])[..., None], labels, np.stack([mask for _, mask in drawn])


def trained(images: np.ndarray, labels: np.ndarray, epochs: int, weights: str | None) -> keras.Model:
    """A network that learnt the windows and their mirror images.

    Args:
        epochs: over the windows; half of it over windows and mirror images together.
        weights: to start from; None: random ones.
    """
    keras.utils.set_random_seed(0)
    network = build_model(ModelConfig(weights=weights), len(CLASSES), images.shape[1])
    steps = max(1, epochs // 2) * -(-2 * len(images) // 32)
    optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(1e-3 if weights else 2e-3, steps))
    network.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    both = np.concatenate([images, images[:, :, ::-1]])
    network.fit(both, np.tile(labels, 2), 32, max(1, epochs // 2), verbose=2)
    return network


def judged(maps: np.ndarray, masks: np.ndarray) -> dict[str, float]:
    """Pointing game and energy; a map of nothing misses."""
    flat, on = maps.reshape(len(maps), -1), masks.reshape(len(masks), -1)
    peak = flat.argmax(axis=1)
    total = flat.sum(axis=1)
    hit = on[np.arange(len(on)), peak] & (total > 0)
    energy = np.divide((flat * on).sum(axis=1), total, out=np.zeros(len(flat)), where=total > 0)
    return {"hit": round(float(hit.mean()), 3), "energy": round(float(energy.mean()), 3)}


def centre(side: int) -> np.ndarray:
    """A bell in the middle, a quarter of the side wide."""
    axis = np.arange(side) - (side - 1) / 2
    bell = np.exp(-((axis / (side / 4)) ** 2) / 2)
    return bell[:, None] * bell[None]


def measured(
    network: keras.Model, images: np.ndarray, labels: np.ndarray, masks: np.ndarray, methods: Sequence[str]
) -> dict[str, Any]:
    """Measures of methods for one class."""
    side = images.shape[1]
    found: dict[str, Any] = {"centre": judged(np.repeat(centre(side)[None], len(images), axis=0), masks)}
    for method in methods:
        if method == "layercam":
            for stride in (8, 16):
                maps = raw_maps(network, images, labels, method, fine_layer(network, stride))
                found[f"layercam at stride {stride}"] = judged(maps, masks)
            found["layercam as it is shown"] = judged(raw_maps(network, images, labels, "layercam"), masks)
        else:
            found[method] = judged(raw_maps(network, images, labels, method), masks)
    return found


def withheld(network: keras.Model, images: np.ndarray, labels: np.ndarray, masks: np.ndarray) -> dict[str, Any]:
    """The maps of the default method that stand the test against random weights, and those that do not."""
    tried = try_maps(network, randomised(network), images, labels, default_method(network))
    found: dict[str, Any] = {"shown": int(tried.beats.sum()), "withheld": int((~tried.beats).sum())}
    for name, rows in (("shown", tried.beats), ("withheld", ~tried.beats)):
        if rows.any():
            found[f"of those {name}"] = judged(tried.maps[rows], masks[rows])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=2400, help="to train on")
    parser.add_argument("--judged", type=int, default=240, help="to judge on")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--side", type=int, default=96, help="of the network's input, pixels")
    parser.add_argument("--weights", help="to start from, as model.weights of a configuration (default: random)")
    parser.add_argument("--methods", nargs="+", default=["gradcam", "gradcam++", "layercam"], choices=METHODS)
    options = parser.parse_args()
    images, labels, _ = windows(options.windows, 0, options.side)
    network = trained(images, labels, options.epochs, options.weights)
    print(json.dumps(result_of(network, options), indent=1))


def result_of(network: keras.Model, options: argparse.Namespace) -> dict[str, Any]:
    """Measures of a trained network and of one of random weights, on windows of phantoms with a seed of their own."""
    images, labels, masks = windows(options.judged, 1, options.side)
    right = np.asarray(network(images, training=False)).argmax(axis=1) == labels
    (random,) = randomised(network, 1)
    result: dict[str, Any] = {"options": vars(options), "accuracy": round(float(right.mean()), 3)}
    for label in (1, 2):
        rows = right & (labels == label) & masks.any(axis=(1, 2))
        own = images[rows], labels[rows], masks[rows]
        result[CLASSES[label]] = {"windows": int(rows.sum()), "area": round(float(own[2].mean()), 3)} | {
            "trained": measured(network, *own, options.methods),
            "random": measured(random, *own, options.methods),
            "test": withheld(network, *own),
        }
    return result


if __name__ == "__main__":
    main()
