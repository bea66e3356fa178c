"""Radiographs decoded and cut on a Ray cluster, with the crops that one process would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from keras_cwp.cluster import on_actors
from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.roi import Box
from keras_cwp.data.picture import Picture
from keras_cwp.runtime import keep_freed_memory

Task = list[tuple[Picture, list[Box]]]
Cut = Callable[[Task, int, str, DataConfig], list[Any]]


def cut_on_cluster(
    tasks: list[Task], cut: Cut, margin: int, dtype: str, config: DataConfig, address: str
) -> Iterator[list[Any]]:
    """What `cut` gives for each task, in their order; nodes need the radiographs at the same paths.

    Args:
        cut: decodes and cuts the radiographs of a task.
        address: see `cluster.connected`.

    Raises:
        CwpError, RunError: see `cluster.on_actors`.
    """
    for _, crops in on_actors(tasks, begin_cutting, (cut, margin, dtype, config), address, ordered=True):
        yield crops


def begin_cutting(cut: Cut, margin: int, dtype: str, config: DataConfig) -> Callable[[Task], list[Any]]:
    """On an actor: keep memory for the next radiograph."""
    keep_freed_memory()
    return lambda task: cut(task, margin, dtype, config)
