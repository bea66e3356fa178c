"""Several configurations, each with several seeds, cross-validated on the same folds: all folds of all in one queue."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from rich.console import Console

from keras_cwp.config import Config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import ConfigError, RunError
from keras_cwp.runtime import use_threads
from keras_cwp.training.admit import admit
from keras_cwp.training.crossval import RunFolds, begin_cv, finish_cv, one_by_one, run_jobs
from keras_cwp.training.fit import run_info
from keras_cwp.training.fold import FoldJob
from keras_cwp.training.progress import say
from keras_cwp.training.run import RunFolder


def sweep(
    data: PreparedData,
    configs: Mapping[str, Config],
    seeds: int,
    out: Path,
    console: Console,
    split: Path | None = None,
    run_folds: RunFolds = one_by_one,
    stated: Collection[str] = (),
) -> list[RunFolder]:
    """Cross-validate every configuration with every seed, below `out`; what an earlier sweep finished is kept.

    Args:
        configs: by name, which names the RUN folder; with several seeds, NAME_seed_S.
        seeds: how many; the configuration's own, and those that follow it.
        split: see `cross_validate`; None: the folds of the first configuration, for all of them.
        stated: see `admit`.

    Raises:
        DataError: see `admit`.
        ConfigError: see `admit`; or configurations with different `train.threads`, which one process cannot have.
        RunError: a finished run of that name, but of another configuration or data set.
        CwpError: see `cross_validate`.
    """
    configs = {name: admit(data, config, stated, say(console)) for name, config in configs.items()}
    threads = {config.train.threads for config in configs.values()}
    if len(threads) > 1:
        raise ConfigError(f"configurations compared: train.threads is {threads}; give all of them the same")
    use_threads(threads.pop())
    begun: list[tuple[RunFolder, list[FoldJob], Path | None]] = []
    for name, config in _seeded(configs, seeds).items():
        run = RunFolder(out / name)
        if not _finished(run, data, config):
            begun.append((*begin_cv(data, config, run.path, split), split))
        else:
            begun.append((run, [], split))
        split = split or run.path / "split.csv"
    run_jobs([job for _, jobs, _ in begun for job in jobs], console, run_folds)
    for run, jobs, given in begun:
        if jobs:
            finish_cv(run, jobs, run_info(data, given))
    return [run for run, *_ in begun]


def _finished(run: RunFolder, data: PreparedData, config: Config) -> bool:
    if run.complete and (run.config != config or run.info["data_hash"] != data.content_hash):
        raise RunError(f"{run.path} holds a completed run of another configuration or data set; remove it, or rename")
    return run.complete


def _seeded(configs: Mapping[str, Config], seeds: int) -> dict[str, Config]:
    if seeds == 1:
        return dict(configs)
    return {
        f"{name}_seed_{config.seed + more}": config.model_copy(update={"seed": config.seed + more})
        for name, config in configs.items()
        for more in range(seeds)
    }
