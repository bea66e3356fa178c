"""Batches of crops for training and scoring, read from crops.npy as they are needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import DataError

_READERS = 2  # batches read ahead at the same time
_BLOCK_ROWS = 512  # neighbours in crops.npy that an epoch visits together, so that a disk finds them near each other


def batches(
    data: PreparedData,
    rows: np.ndarray | None = None,
    *,
    batch_size: int,
    seed: int | None = None,
    epochs: range | None = None,
    shuffle_buffer: int = 4096,
) -> tf.data.Dataset:
    """(images, labels, rows) batch by batch; memory does not depend on the size of the data set.

    Args:
        rows: int [n], rows of the manifest; None for all.
        seed: None gives the rows as they stand, each once. A number gives each epoch an order that depends on
            seed and epoch alone, so that a run continued at epoch e sees what an unbroken one saw.
        epochs: which epochs to give, `range(1)` when None. Needs a seed if there are several.
        shuffle_buffer: this many rows are mixed with each other; they come from blocks of neighbouring rows, so that
            a disk need not jump through the whole file. Costs no memory.

    Shape:
        images float32 [batch, crop, crop, 1] in [0, 1], labels int32 [batch], rows int64 [batch]. Each epoch is
        ceil(n / batch_size) batches, the last one shorter.

    Raises:
        DataError: no rows, or rows that are not of this data set.
    """
    rows = np.arange(len(data)) if rows is None else np.asarray(rows, dtype=np.int64)
    if len(rows) == 0 or rows.min() < 0 or rows.max() >= len(data):
        raise DataError(f"data set {data.path}: asked for {len(rows)} rows that are not all among its {len(data)}")

    def order() -> Iterator[np.ndarray]:
        for epoch in epochs or range(1):
            yield from _split(
                rows if seed is None else epoch_order(data, rows, seed, epoch, shuffle_buffer), batch_size
            )

    per_epoch = -(-len(rows) // batch_size)
    numbers = tf.data.Dataset.from_generator(order, output_signature=tf.TensorSpec([None], tf.int64))
    numbers = numbers.apply(tf.data.experimental.assert_cardinality(per_epoch * len(epochs or range(1))))
    loaded = numbers.map(lambda chosen: _load(data, chosen), num_parallel_calls=_READERS, deterministic=True)
    return loaded.prefetch(_READERS)


def epoch_order(data: PreparedData, rows: np.ndarray, seed: int, epoch: int, shuffle_buffer: int) -> np.ndarray:
    """`rows` in the order of one epoch: blocks in random order, joined to groups, each group mixed."""
    random = np.random.default_rng([seed, epoch])
    place = random.permutation(-(-len(data) // _BLOCK_ROWS))[rows // _BLOCK_ROWS]
    by_block = rows[np.lexsort((rows, place))]
    group = np.arange(len(rows)) // max(shuffle_buffer, 1)
    return by_block[np.lexsort((random.random(len(rows)), group))]


def _split(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def _load(data: PreparedData, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    stored = tf.as_dtype(data.meta["dtype"])
    pixels = tf.numpy_function(data.read, [rows], stored, stateful=False)
    pixels.set_shape([None, data.crop_size, data.crop_size])
    labels = tf.gather(tf.constant(data.labels, tf.int32), rows)
    return tf.cast(pixels, tf.float32)[..., None] / float(stored.max), labels, rows
