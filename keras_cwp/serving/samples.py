"""What every kind of export is tried on: radiographs of noise, boxes on them, and what the Keras model says of them."""

from __future__ import annotations

import base64
import math
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from keras_cwp.augment.layer import load_policy
from keras_cwp.augment.tta import VIEWS_POLICY, mean_probabilities
from keras_cwp.data.crops import crop_roi, margin_px
from keras_cwp.serving.signatures import film_pixels
from keras_cwp.training.run import ModelContract

_SHAPES = [(300, 260), (221, 410), (97, 64)]  # height, width of the images but the last
_LARGEST_PX = 221 * 410


class Samples:
    """Images, boxes and the expected answers of one network.

    Args:
        network: images [B, image_size, image_size, 1] in [0, 1] → logits.
        negative: the class that the regress signature counts as nothing found.
    """

    def __init__(self, network: Any, contract: ModelContract, negative: str) -> None:
        self.network, self.contract = network, contract
        self.negative = contract.classes.index(negative)
        # An image as large as a radiograph would be refused where no box is stated.
        shrink = min(1.0, 0.9 * math.sqrt(film_pixels(contract) / _LARGEST_PX))
        self.images, self.boxes = _radiographs(shrink), _boxes() * np.float32(shrink)

    @cached_property
    def files(self) -> list[bytes]:
        """The images as PNG; a file that is no image follows them."""
        return [*(bytes(cv2.imencode(".png", image)[1]) for image in self.images), b"not an image"]

    @property
    def file_texts(self) -> np.ndarray:
        """`files` as base64."""
        return _base64(self.files)

    @property
    def example_texts(self) -> np.ndarray:
        """A tf.Example of each of `files`, as base64."""
        return _base64([_example(file) for file in self.files])

    @property
    def file_boxes(self) -> np.ndarray:
        """float32 [files, 4]."""
        return np.concatenate([self.boxes, self.boxes[:1]])

    @cached_property
    def crops(self) -> np.ndarray:
        """See `check_crops`."""
        return check_crops(self.contract)

    @cached_property
    def of_whole(self) -> np.ndarray:
        """Probabilities float64 [images, classes] of the images from edge to edge."""
        return self._of_views(_crops(self.images, [None] * len(self.images), self.contract))

    @cached_property
    def of_boxes(self) -> np.ndarray:
        """The same of the boxes; a model of one spacing sees radiographs twice as fine."""
        side = self.contract.image_size * 2.0 if self.contract.spacing_mm else None
        return self._of_views(_crops(self.images, self.boxes.tolist(), self.contract, side))

    @cached_property
    def of_crops(self) -> np.ndarray:
        """The same of `crops`, in one view."""
        return self._probabilities(self.crops)

    def _of_views(self, crops: np.ndarray) -> np.ndarray:
        size, margin = self.contract.image_size, margin_px(self.contract.image_size, self.contract.context)
        policy, views = load_policy(VIEWS_POLICY), self.contract.views
        return mean_probabilities(self._probabilities, crops, policy, size, margin, views)

    def _probabilities(self, pixels: Any) -> np.ndarray:
        with tf.device("/CPU:0"):
            return tf.nn.softmax(tf.cast(self.network(pixels, training=False), tf.float32)).numpy().astype(float)


def check_crops(contract: ModelContract) -> np.ndarray:
    """Crops float32 [n, image_size, image_size, 1] in [0, 1] that every kind of export is compared on."""
    images = _radiographs()
    size, margin = contract.image_size, margin_px(contract.image_size, contract.context)
    return _crops(images, [None] * len(images), contract)[:, margin : margin + size, margin : margin + size]


def _radiographs(shrink: float = 1.0) -> list[np.ndarray]:
    """Smooth noise uint8 of four sizes, with detail from coarse to fine; the last one is a single grey."""
    generator = np.random.default_rng(0)
    shapes = [(math.ceil(height * shrink), math.ceil(width * shrink)) for height, width in _SHAPES]
    rough = [cv2.resize(generator.uniform(0, 255, (3 + 8 * i, 5)), s[::-1]) for i, s in enumerate(shapes)]
    noisy = [image + generator.normal(0, 9, image.shape) for image in rough]
    side = math.ceil(50 * shrink)
    return [*(np.clip(image, 0, 255).astype(np.uint8) for image in noisy), np.full((side, side), 90, np.uint8)]


def _boxes() -> np.ndarray:
    """float32 [images, 4]: within, at the left edge, at the lower right corner, and all of it."""
    return np.array([[40, 60, 120, 90], [0, 20.5, 60, 180], [20, 30, 44, 67], [0, 0, 50, 50]], np.float32)


def _crops(
    images: list[np.ndarray], boxes: list[Any], contract: ModelContract, side: float | None = None
) -> np.ndarray:
    """float32 [images, image_size + 2 margin, …, 1], context included."""
    size, margin = contract.image_size, margin_px(contract.image_size, contract.context)
    crops = [
        crop_roi(image / np.float32(255), box, size, margin, contract.square, side)  # type: ignore[arg-type]
        for image, box in zip(images, boxes, strict=True)
    ]
    return np.stack(crops)[..., None]


def _base64(contents: list[bytes]) -> np.ndarray:
    return np.array([base64.b64encode(content).decode() for content in contents])


def _example(image: bytes) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    return tf.train.Example(features=tf.train.Features(feature={"image_bytes": feature})).SerializeToString()
