"""Compare RUN folders. TensorFlow is imported only for networks of versions that kept no size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keras_cwp.errors import RunError
from keras_cwp.report.compared_run import ComparedRun
from keras_cwp.report.comparison import write_comparison
from keras_cwp.report.run_facts import architectures, run_history
from keras_cwp.runtime import import_tensorflow
from keras_cwp.training.run import RunFolder
from keras_cwp.training.size_note import NetworkSize


def compare_runs(paths: Sequence[Path], out: Path) -> tuple[str, Path]:
    """Write a comparison of runs that held out the same ROIs in the same folds.

    Args:
        paths: RUN folders; resamples and seed are those of the first.
        out: folder to write to.

    Returns:
        The result in a sentence or two, and the path of the page.

    Raises:
        RunError: a path is named twice, or is no complete run.
        ScoresError: fewer than two, or runs whose ROIs, folds or labels differ.
    """
    names = run_names(paths)
    folders = [RunFolder(path) for path in paths]
    config = folders[0].config
    runs = [compared_run(name, folder) for name, folder in zip(names, folders, strict=True)]
    return write_comparison(runs, config.evaluate, config.seed, out), out / "comparison.html"


def run_names(paths: Sequence[Path]) -> list[str]:
    """The folders' names; with as many parents as it takes to tell them apart.

    Raises:
        RunError: the same folder twice.
    """
    resolved = [path.resolve() for path in paths]
    for path in resolved:
        if resolved.count(path) > 1:
            raise RunError(f"{path} is named twice; a run cannot be compared with itself")
    depth = 1
    while len({path.parts[-depth:] for path in resolved}) < len(resolved):
        depth += 1
    return ["/".join(path.parts[-depth:]) for path in resolved]


def compared_run(name: str, folder: RunFolder) -> ComparedRun:
    """A run as a comparison shows it."""
    scores = folder.scores
    settings = folder.config.model_dump(mode="json")
    return ComparedRun(name, scores, architectures(folder), *_size(folder), run_history(folder), settings)


def _size(folder: RunFolder) -> tuple[int | None, int | None]:
    """Trainable parameters and multiply-accumulates of a network of the run; None where the folds' networks differ."""
    modes = {chosen.mode for chosen in folder.chosen_modes().values()}
    if len(modes) > 1 or len({folder.model_config(own) for own in folder.model_folders()}) > 1:
        return None, None
    one = folder.model_folders()[0]
    size = NetworkSize.read(one)
    if size is None:
        import_tensorflow()
        from keras_cwp.training.saved import load_network

        size = NetworkSize.of(load_network(one))
    return size.parameters, size.macs
