"""What an exported model answers to: the functions behind its signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_cwp.augment.geometry import central_slice
from keras_cwp.augment.tta import mean_in_graph, views_in_graph
from keras_cwp.data.crops import margin_px
from keras_cwp.data.radiographs.radiograph import DEFAULT_RULES
from keras_cwp.models.likeness import describe
from keras_cwp.prediction.judging import Judging
from keras_cwp.serving.decode import CMYK, OK, UNREADABLE, decode_grey, is_cmyk, map_rows
from keras_cwp.serving.resample import BAD_BOX, Geometry, crop_box, whole_image
from keras_cwp.training.run import ModelContract

BAD_PIXELS = "a pixel is outside [0, 1] or no number"
WHOLE_IMAGE = (
    "the image has no box and is a whole radiograph, but the model was trained on regions; send the region's box to "
    "roi_bytes (the box of the whole image states that it is meant)"
)
_TOLERANCE = 1e-3  # of pixels outside [0, 1]: a client's resampling may overshoot a little
_NAN = float("nan")
_NUMBERS = (tf.float32, tf.int64)  # types of tf.Example that numbers come in
_MISSING = tf.int64.min  # stands for no number among whole ones

Answer = dict[str, Any]
Crops = tuple[Any, Any]  # float32 [B, side, side, 1] and status string [B]


class Signatures:
    """The endpoints of one network.

    A row that cannot be used gets a status that says why, NaN probabilities and an empty label; the rows beside
    it are answered. Every output has the batch as its first axis, as TensorFlow Serving's REST API wants it. What
    comes as a file is scored in contract.views views, as the run's figures were; `pixels` is the network alone.

    Args:
        network: float32 [B, image_size, image_size, 1] in [0, 1] → logits [B, classes]. None: only what does not ask
            the network can be called.
        contract: classes in order, image_size, the rule for boxes that are not square, context and views.
        negative: the class that `regress` gives one minus the probability of.
        judging: what the outputs `set`, `distance` and `unlike` come from; without it they are left out.
    """

    def __init__(self, network: Any, contract: ModelContract, negative: str, judging: Judging | None = None) -> None:
        self.contract, self.judging = contract, judging or Judging()
        self.negative = contract.classes.index(negative)
        size, margin = contract.image_size, margin_px(contract.image_size, contract.context)
        self.geometry = Geometry(size, margin, contract.square, kept=margin if contract.views > 1 else 0)
        # Traced once here and called by every signature: it keeps export quick and the graph small.
        texts = tf.TensorSpec([None], tf.string)
        numbers = tf.TensorSpec([None], tf.float32)
        crops = tf.TensorSpec([None, self.geometry.side, self.geometry.side, 1], tf.float32)
        images = tf.TensorSpec([None, size, size, 1], tf.float32)
        if self.judging.likenesses:
            self._distance = _traced(self._of_likenesses, images)
        if network is None:
            self._views = _traced(self._all_views, crops, texts)
        else:
            self._score = _traced(lambda pixels: _softmax(network, pixels), images)
            self._answer = _traced(self._of_views, crops, texts)
        self._read = _traced(self._crop_rows, texts, tf.TensorSpec([None, 4], tf.float32), numbers)

    def from_bytes(self, image_bytes: Any) -> Answer:
        """PNG or JPEG files string [B], each of them one ROI from edge to edge."""
        return self._answer(*self.read_bytes(image_bytes))

    def read_bytes(self, image_bytes: Any) -> Crops:
        """The crops of `from_bytes`."""
        rows = tf.shape(image_bytes)[0]
        return self._read(image_bytes, tf.fill([rows, 4], _NAN), tf.fill([rows], _NAN))

    def from_roi(self, image_bytes: Any, box: Any, spacing_mm: Any = None) -> Answer:
        """PNG or JPEG radiographs string [B] and the ROI in each.

        Args:
            box: float32 [B, 4]; x, y, width, height in pixels, 0-based, end-exclusive. Four NaN are no box: the whole
                image for a model of whole images; a model of regions refuses it, and one that does not know calls
                the box bad.
            spacing_mm: float32 [B]; pixel spacing of each radiograph, 0 or NaN where it is unknown. Only a model
                that was trained at one spacing takes it: then the box says where the region is, not how large.
        """
        return self._answer(*self.read_roi(image_bytes, box, spacing_mm))

    def read_roi(self, image_bytes: Any, box: Any, spacing_mm: Any = None) -> Crops:
        """The crops of `from_roi`."""
        unstated = tf.reduce_all(tf.math.is_nan(box), axis=1)
        # A box of NaN means the whole image below; infinite numbers are no box.
        of_whole_images = self.contract.region_share is not None and not self.contract.of_regions
        whole = unstated & of_whole_images
        stated = tf.where(tf.math.is_nan(box) & ~whole[:, None], float("inf"), box)
        spacing = tf.fill(tf.shape(image_bytes), _NAN) if spacing_mm is None else spacing_mm
        crops, status = self._read(image_bytes, stated, spacing)
        refused = unstated & self.contract.of_regions & tf.equal(status, BAD_BOX)
        return crops, tf.where(refused, WHOLE_IMAGE, status)

    def from_pixels(self, pixels: Any) -> Answer:
        """Crops float32 [B, image_size, image_size, 1] in [0, 1], bone bright; each in this one view."""
        crops, status = self.check_pixels(pixels)
        return self.decide(self._score(crops), status, self.distance(crops))

    def check_pixels(self, pixels: Any) -> Crops:
        """The crops of `from_pixels`; zeros in the rows that cannot be used."""
        inside = tf.abs(pixels - 0.5) <= 0.5 + _TOLERANCE  # False for NaN
        status = tf.where(tf.reduce_all(inside, axis=[1, 2, 3]), OK, BAD_PIXELS)
        return _blanked(pixels, status), status

    def classify(self, inputs: Any) -> Answer:
        """tf.Example string [B] with `image_bytes` and, if it is no crop, `box`; classes and scores [B, classes]."""
        return self.as_scores(self._answer(*self.read_examples(inputs)))

    def as_scores(self, answer: Answer) -> Answer:
        """What `classify` gives of an answer."""
        return {"classes": answer["classes"], "scores": answer["probabilities"]}

    def regress(self, inputs: Any) -> Answer:
        """tf.Example as `classify` takes it; float32 [B], probability of any class but the negative one."""
        return self.as_one_number(self._answer(*self.read_examples(inputs)))

    def as_one_number(self, answer: Answer) -> Answer:
        """What `regress` gives of an answer."""
        return {"outputs": 1 - answer["probabilities"][:, self.negative]}

    def read_examples(self, inputs: Any) -> Crops:
        """The crops of `classify` and `regress`."""
        parsers = [_parser(box, spacing) for box in _NUMBERS for spacing in _NUMBERS]
        nothing = (tf.constant(""), tf.fill([4], _NAN), tf.constant(_NAN))
        images, box, spacing = map_rows(parsers[0], (inputs,), nothing, tuple(parsers[1:]))
        without = tf.reduce_all(tf.math.is_nan(box), axis=1)
        return self._read(images, box, tf.where(without, _NAN, spacing))

    def _crop_rows(self, image_bytes: Any, box: Any, spacing_mm: Any) -> Crops:
        """Crops float32 [B, side, side, 1], context kept, and status string [B]; a box of NaN is the whole image."""
        field_mm = self.geometry.image_size * (self.contract.spacing_mm or _NAN)

        blank = tf.zeros([self.geometry.side, self.geometry.side, 1])

        def crop(content: Any, region: Any, spacing: Any) -> tuple[Any, Any]:
            grey = decode_grey(content, DEFAULT_RULES.max_pixels)
            whole = tf.reduce_all(tf.math.is_nan(region))
            side = tf.where(spacing > 0, field_mm / spacing, _NAN)
            pixels, status = crop_box(grey, tf.where(whole, whole_image(grey), region), self.geometry, side)
            too_large = whole & (tf.size(grey, tf.int64) >= film_pixels(self.contract))
            return pixels, tf.where(too_large, WHOLE_IMAGE, status)

        def read(content: Any, region: Any, spacing: Any) -> tuple[Any, Any]:
            refused = blank, tf.constant(CMYK)
            return tf.cond(is_cmyk(content), lambda: refused, lambda: crop(content, region, spacing))

        fallback = (blank, tf.constant(UNREADABLE))
        return map_rows(read, (image_bytes, box, spacing_mm), fallback)

    def _of_views(self, crops: Any, status: Any) -> Answer:
        size, kept = self.geometry.image_size, self.geometry.kept
        safe = _blanked(crops, status)
        mean = mean_in_graph(self._score, len(self.contract.classes), safe, size, kept, self.contract.views)
        return self.decide(mean, status, self.distance(central_slice(safe, size, kept)))

    def views(self, crops: Any, status: Any) -> Any:
        """All views of crops that were files, the untouched one first; for signatures without a network.

        Returns:
            float32 [views, B, image_size, image_size, 1].
        """
        return self._views(crops, status)

    def _all_views(self, crops: Any, status: Any) -> Any:
        return views_in_graph(
            _blanked(crops, status), self.geometry.image_size, self.geometry.kept, self.contract.views
        )

    def distance(self, images: Any) -> Any:
        """How far images are from those of training, float32 [B] (see `Likeness`); None: the model has no measure."""
        return self._distance(images) if self.judging.likenesses else None

    def _of_likenesses(self, images: Any) -> Any:
        xp = tf.experimental.numpy
        described, inverted = tf.split(describe(tf.concat([images, 1 - images], axis=0), xp), 2)
        parts = [each.distance_of(described, inverted, xp) for each in self.judging.likenesses]
        return tf.add_n([tf.cast(part, tf.float32) for part in parts]) / len(parts)

    def decide(self, probabilities: Any, status: Any, distance: Any) -> Answer:
        """All outputs of rows whose probabilities are known; NaN, False and empty in rows that cannot be used.

        Args:
            probabilities: float32 [B, classes].
            status: string [B].
            distance: as `distance` gives it.
        """
        names = tf.constant(self.contract.classes)
        good = tf.equal(status, OK)
        answer = {
            "probabilities": tf.where(good[:, None], probabilities, _NAN),
            "label": tf.where(good, tf.gather(names, tf.argmax(probabilities, axis=1)), ""),
            "classes": tf.tile(names[None], [tf.shape(status)[0], 1]),
            "status": status,
        }
        if self.judging.sets:
            least = tf.constant([self.judging.sets[name] for name in self.contract.classes], tf.float32)
            answer["set"] = good[:, None] & (probabilities >= least)
        if distance is not None:
            answer |= {"distance": tf.where(good, distance, _NAN), "unlike": good & (distance > 1)}
        return answer


def film_pixels(contract: ModelContract) -> int:
    """Pixels from which on an image without a box is taken for a whole radiograph, half of a small training one."""
    if not contract.of_regions or contract.film_px is None:
        return DEFAULT_RULES.max_pixels + 1
    return max(1, contract.film_px // 2)


def _parser(box: Any, spacing: Any) -> Callable[..., Any]:
    """What reads one tf.Example whose box and spacing are of these types; it fails on others."""
    features = {
        "image_bytes": tf.io.FixedLenFeature([], tf.string, ""),
        "box": _optional([4], box),
        "spacing_mm": _optional([1], spacing),
    }

    def parse(content: Any) -> tuple[Any, Any, Any]:
        found = tf.io.parse_single_example(content, features)
        region, side = (_of_optional(found[name], length) for name, length in (("box", 4), ("spacing_mm", 1)))
        return found["image_bytes"], region, side[0]

    return parse


def _optional(shape: list[int], dtype: Any) -> Any:
    missing = _NAN if dtype == tf.float32 else _MISSING
    return tf.io.FixedLenFeature(shape, dtype, [missing] * shape[0])


def _of_optional(value: Any, length: int) -> Any:
    """float32 [length]; NaN where nothing was stated."""
    if value.dtype == tf.float32:
        return value
    return tf.where(tf.equal(value, _MISSING), tf.fill([length], _NAN), tf.cast(value, tf.float32))


def _softmax(network: Any, pixels: Any) -> Any:
    """Probabilities float32 [B, classes]; B may be 0, which convolutions do not take."""
    rows = tf.shape(pixels)[0]
    filled = tf.pad(pixels, [[0, tf.cast(rows == 0, tf.int32)], [0, 0], [0, 0], [0, 0]])
    return tf.nn.softmax(tf.cast(network(filled, training=False), tf.float32))[:rows]


def _blanked(pixels: Any, status: Any) -> Any:
    """Zeros in the rows that cannot be used, for a NaN could spread to their neighbours."""
    return tf.where(tf.equal(status, OK)[:, None, None, None], pixels, 0.0)


def _traced(function: Callable[..., Any], *inputs: tf.TensorSpec) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(*inputs)
