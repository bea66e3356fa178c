"""What an exported model answers to: the functions behind its signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_cwp.data.crops import margin_px
from keras_cwp.data.radiograph import MAX_PIXELS
from keras_cwp.serving.decode import OK, UNREADABLE, decode_grey, map_rows
from keras_cwp.serving.resample import Geometry, crop_box, whole_image
from keras_cwp.training.run import ModelContract

BAD_PIXELS = "a pixel is outside [0, 1] or no number"
_TOLERANCE = 1e-3  # of pixels outside [0, 1]: a client's resampling may overshoot a little
_NAN = float("nan")

Answer = dict[str, Any]


class Signatures:
    """The endpoints of one network.

    A row that cannot be used gets a status that says why, NaN probabilities and an empty label; the rows beside
    it are answered. Every output has the batch as its first axis, as TensorFlow Serving's REST API wants it.

    Args:
        network: float32 [B, image_size, image_size, 1] in [0, 1] → logits [B, classes].
        contract: classes in order, image_size and the rule for boxes that are not square.
        negative: the class that `regress` gives one minus the probability of.
    """

    def __init__(self, network: Any, contract: ModelContract, negative: str) -> None:
        self.contract = contract
        self.negative = contract.classes.index(negative)
        # Traced once here and called by every signature: it keeps export quick and the graph small.
        size = contract.image_size
        crops = tf.TensorSpec([None, size, size, 1], tf.float32)
        texts = tf.TensorSpec([None], tf.string)
        numbers = tf.TensorSpec([None], tf.float32)
        self._logits = _traced(lambda pixels: tf.cast(network(pixels, training=False), tf.float32), crops)
        self._answer = _traced(self._decide, crops, texts)
        self._read = _traced(self._crop_rows, texts, tf.TensorSpec([None, 4], tf.float32), numbers)

    def endpoints(self) -> dict[str, tuple[Callable[..., Answer], list[tf.TensorSpec]]]:
        """Name: (function, its inputs); serving_default comes first."""
        side = self.contract.image_size
        images = tf.TensorSpec([None], tf.string, name="image_bytes")
        boxes = tf.TensorSpec([None, 4], tf.float32, name="box")
        spacing = [tf.TensorSpec([None], tf.float32, name="spacing_mm")] if self.contract.spacing_mm else []
        pixels = tf.TensorSpec([None, side, side, 1], tf.float32, name="pixels")
        examples = tf.TensorSpec([None], tf.string, name="inputs")
        return {
            "serving_default": (self.from_bytes, [images]),
            "roi_bytes": (self.from_roi, [images, boxes, *spacing]),
            "pixels": (self.from_pixels, [pixels]),
            "classify": (self.classify, [examples]),
            "regress": (self.regress, [examples]),
        }

    def from_bytes(self, image_bytes: Any) -> Answer:
        """PNG or JPEG files string [B], each of them one ROI from edge to edge."""
        rows = tf.shape(image_bytes)[0]
        return self._answer(*self._read(image_bytes, tf.fill([rows, 4], _NAN), tf.fill([rows], _NAN)))

    def from_roi(self, image_bytes: Any, box: Any, spacing_mm: Any = None) -> Answer:
        """PNG or JPEG radiographs string [B] and the ROI in each.

        Args:
            box: float32 [B, 4]; x, y, width, height in pixels, 0-based, end-exclusive.
            spacing_mm: float32 [B]; pixel spacing of each radiograph, 0 or NaN where it is unknown. Only a model
                that was trained at one spacing takes it: then the box says where the region is, not how large.
        """
        stated = tf.where(tf.math.is_nan(box), float("inf"), box)  # NaN would mean the whole image below
        spacing = tf.fill(tf.shape(image_bytes), _NAN) if spacing_mm is None else spacing_mm
        return self._answer(*self._read(image_bytes, stated, spacing))

    def from_pixels(self, pixels: Any) -> Answer:
        """Crops float32 [B, image_size, image_size, 1] in [0, 1], bone bright."""
        inside = tf.math.is_finite(pixels) & (pixels >= -_TOLERANCE) & (pixels <= 1 + _TOLERANCE)
        return self._answer(pixels, tf.where(tf.reduce_all(inside, axis=[1, 2, 3]), OK, BAD_PIXELS))

    def classify(self, inputs: Any) -> Answer:
        """tf.Example string [B] with `image_bytes` and, if it is no crop, `box`; classes and scores [B, classes]."""
        answer = self._from_examples(inputs)
        return {"classes": answer["classes"], "scores": answer["probabilities"]}

    def regress(self, inputs: Any) -> Answer:
        """tf.Example as `classify` takes it; float32 [B], probability of any class but the negative one."""
        probabilities = self._from_examples(inputs)["probabilities"]
        return {"outputs": 1 - probabilities[:, self.negative]}

    def _from_examples(self, inputs: Any) -> Answer:
        features = {
            "image_bytes": tf.io.FixedLenFeature([], tf.string, ""),
            "box": tf.io.FixedLenFeature([4], tf.float32, [_NAN] * 4),
            "spacing_mm": tf.io.FixedLenFeature([], tf.float32, _NAN),
        }
        parsed = tf.io.parse_example(inputs, features)
        return self._answer(*self._read(parsed["image_bytes"], parsed["box"], parsed["spacing_mm"]))

    def _crop_rows(self, image_bytes: Any, box: Any, spacing_mm: Any) -> tuple[Any, Any]:
        """Crops float32 [B, image_size, image_size, 1] and status string [B]; a box of NaN is the whole image."""
        size = self.contract.image_size
        geometry = Geometry(size, margin_px(size, self.contract.context), self.contract.square)
        field_mm = size * (self.contract.spacing_mm or _NAN)

        def read(content: Any, region: Any, spacing: Any) -> tuple[Any, Any]:
            grey = decode_grey(content, MAX_PIXELS)
            whole = tf.reduce_all(tf.math.is_nan(region))
            side = tf.where(~whole & (spacing > 0), field_mm / spacing, _NAN)
            return crop_box(grey, tf.where(whole, whole_image(grey), region), geometry, side)

        fallback = (tf.zeros([size, size, 1]), tf.constant(UNREADABLE))
        return map_rows(read, (image_bytes, box, spacing_mm), fallback)

    def _decide(self, pixels: Any, status: Any) -> Answer:
        names = tf.constant(self.contract.classes)
        good = tf.equal(status, OK)
        safe = tf.where(good[:, None, None, None], pixels, 0.0)
        logits = self._logits(safe)
        probabilities = tf.where(good[:, None], tf.nn.softmax(logits), _NAN)
        return {
            "probabilities": probabilities,
            "label": tf.where(good, tf.gather(names, tf.argmax(logits, axis=1)), ""),
            "classes": tf.tile(names[None], [tf.shape(pixels)[0], 1]),
            "status": status,
        }


def _traced(function: Callable[..., Any], *inputs: tf.TensorSpec) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(*inputs)
