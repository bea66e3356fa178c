"""A search by Optuna in the inner folds of an outer fold's training patients. Needs the extra `search`.

A trial is a configuration drawn from the space. Its inner networks are trained one after the other, and each epoch's
validation AUC is told to a pruner, which ends a trial that does worse than most did by then. No trial sees a patient of
the outer test part: a trial gets the training rows alone.

Reference: Akiba et al., Optuna, KDD 2019; Bergstra et al., NeurIPS 2011 (the sampler, a tree of Parzen estimators).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_cwp.config import Config
from keras_cwp.data.fold_plan import fold_seed
from keras_cwp.errors import CwpError, RunError
from keras_cwp.files import write_text
from keras_cwp.runtime import install_command
from keras_cwp.training.chosen import Chosen
from keras_cwp.training.search_space import Choices, laid_over, space_of

JOURNAL_FILE, TRIALS_FILE = "trials.journal", "trials.json"
_STUDY = "fold"
_STARTUP = 5  # trials that are drawn at random, and are not pruned


@dataclass(frozen=True)
class Found:
    """What a trial's inner networks gave.

    Args:
        probabilities: float64 [epochs, rows, classes], out of fold.
        curve: mean macro AUC over the inner folds, float64 [epochs].
        mode: what `train.mode: auto` chose for them; None where the configuration names a mode.
    """

    probabilities: np.ndarray
    curve: np.ndarray
    mode: Chosen | None = None


# Trains a trial's inner networks in a folder; tells the AUC of each (inner fold, epoch), counted through from 0.
Train = Callable[[Config, Path, Callable[[int, float], None]], Found]


def search(config: Config, seed: int, folder: Path, train: Train) -> tuple[str, Config, Found]:
    """Run the trials that are left of a search, and name the best.

    Args:
        seed: of the sampler. The trials are the same after an interruption.
        folder: gets trials.journal, by which the search goes on, trials.json, and a folder a trial.

    Returns:
        Name, configuration and what its inner networks gave, of the trial with the highest mean AUC.

    Raises:
        CwpError: Optuna is not installed.
        RunError: no trial came to its end.
        ConfigError: see `space_of`.
    """
    optuna, space = import_optuna(), space_of(config)
    study = _study(optuna, folder)
    _take_up(optuna, study)
    while len(_ended(optuna, study)) < config.search.trials:
        number = len(_ended(optuna, study))
        study.sampler = optuna.samplers.TPESampler(seed=fold_seed(seed, number), n_startup_trials=_STARTUP)
        trial = study.ask()
        chosen = laid_over(config, {key: _draw(trial, key, values) for key, values in space.items()})
        try:
            found = train(chosen, folder / _name(trial.params), _teller(optuna, trial))
            study.tell(trial, float(np.nanmax(found.curve)))
        except optuna.TrialPruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    write_trials(optuna, study, folder)
    return _best(optuna, study, config, folder, train)


def import_optuna() -> Any:
    """The module `optuna`, which says nothing.

    Raises:
        CwpError: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise CwpError(f"search: Optuna is not installed; {install_command('search')}") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _study(optuna: Any, folder: Path) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / JOURNAL_FILE)))
    pruner = optuna.pruners.MedianPruner(n_startup_trials=_STARTUP)
    return optuna.create_study(
        study_name=_STUDY, storage=storage, direction="maximize", pruner=pruner, load_if_exists=True
    )


def _take_up(optuna: Any, study: Any) -> None:
    """Give up a trial that a killed process left: the next is drawn by the same seed after the same trials, so that it
    has the same values, and finds the networks of the one before in its folder."""
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def _ended(optuna: Any, study: Any) -> list[Any]:
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return study.get_trials(deepcopy=False, states=states)


def _draw(trial: Any, key: str, values: Choices | Any) -> Any:
    if isinstance(values, Choices):
        return trial.suggest_categorical(key, list(values.values))
    if values.whole:
        return trial.suggest_int(key, values.low, values.high, log=values.log)
    return trial.suggest_float(key, values.low, values.high, log=values.log)


def _name(params: dict[str, Any]) -> str:
    """Of a trial's folder: the same values are trained once."""
    text = json.dumps(params, sort_keys=True)
    return f"trial_{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _teller(optuna: Any, trial: Any) -> Callable[[int, float], None]:
    def tell(step: int, area: float) -> None:
        if np.isfinite(area):
            trial.report(area, step)
        if trial.should_prune():
            raise optuna.TrialPruned

    return tell


def _best(optuna: Any, study: Any, config: Config, folder: Path, train: Train) -> tuple[str, Config, Found]:
    ended = _ended(optuna, study)
    complete = {n: trial for n, trial in enumerate(ended) if trial.state == optuna.trial.TrialState.COMPLETE}
    if not complete:
        raise RunError(f"{folder}: none of {len(ended)} trials came to its end; widen search.space")
    number = max(complete, key=lambda n: (complete[n].value, -n))
    best = complete[number]
    chosen = laid_over(config, best.params)
    return f"trial_{number}", chosen, train(chosen, folder / _name(best.params), lambda *_: None)


def write_trials(optuna: Any, study: Any, folder: Path) -> None:
    """trials.json: each trial's number, values, mean AUC, state and last step, and the values' importances."""
    trials = [
        {
            "number": number,
            "values": trial.params,
            "auc": trial.value if trial.state == optuna.trial.TrialState.COMPLETE else None,
            "state": trial.state.name.lower(),
            "steps": len(trial.intermediate_values),
        }
        for number, trial in enumerate(_ended(optuna, study))
    ]
    tree = {"trials": trials, "importance": _importance(optuna, study)}
    write_text(folder / TRIALS_FILE, json.dumps(tree, indent=2) + "\n")


def _importance(optuna: Any, study: Any) -> dict[str, float]:
    """Share of the AUC's variance that each value explains; empty where too few trials ended to say."""
    try:
        found = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
        )
    except (ValueError, RuntimeError, ImportError):
        return {}
    return {key: round(float(value), 4) for key, value in found.items()}
