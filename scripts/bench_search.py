"""Whether a search is better than the default that had as much CPU: the mean of default networks of several seeds.

    PYTHONPATH=. python scripts/bench_search.py DATA OUT [--trials 6] [--folds 3] [--inner 2]

DATA is a prepared data set. `search` draws configurations around config default in inner folds. Then config default is
trained on the same outer folds with one seed after another, until that took as much CPU as the search. Prints macro
AUCs of outer test patients and paired tests. What is finished is kept. Nothing is tuned here: the space is SPACE.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import keras_cwp as cwp
from keras_cwp.config import load_config
from keras_cwp.evaluation.metrics import evaluate
from keras_cwp.evaluation.paired import paired_delong
from keras_cwp.scores import Scores
from keras_cwp.training.run import RunFolder

SPACE = {
    "train.learning_rate": {"log": [2e-4, 5e-3]},
    "train.layer_decay": {"range": [0.6, 1.0]},
    "train.weight_decay": {"log": [1e-4, 1e-1]},
    "model.dropout": [0.0, 0.2, 0.5],
    "augment.policy": ["light", "paper", "paper_mix", "strong_mix"],
}
_SPENT = "cpu_seconds.json"


def main() -> None:
    """Search, train the default as long, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--inner", type=int, default=2)
    given = parser.parse_args()
    data = cwp.open_data(given.data)
    counts = {"folds": given.folds, "inner": given.inner}
    searched, spent = _trained(
        given.out / "search",
        lambda out: cwp.search(data, out, SPACE, trials=given.trials, config="default", **counts),
    )
    print(f"search: {spent:.0f} s of CPU", flush=True)
    split, defaults, left = given.out / "search" / "split.csv", [], spent
    while left > 0:
        seed = len(defaults)
        own, seconds = _trained(
            given.out / f"default_{seed}",
            lambda out, seed=seed: cwp.cross_validate(data, out, config="default", split=split, seed=seed),
        )
        defaults.append(own.in_order(searched.classes))
        left -= seconds
        print(f"default, seed {seed}: {seconds:.0f} s of CPU", flush=True)
    one, mean = defaults[0], _mean(defaults)
    rows = {"default, one network": one, f"default, mean of {len(defaults)}": mean, "search": searched}
    for name, scores in rows.items():
        found = evaluate(scores, load_config("default").evaluate, 0)
        low, high = found["auc"]["macro"]["ci95"]
        print(f"{name:<28}{found['auc']['macro']['value']:>7.3f} [{low:.3f}, {high:.3f}]", flush=True)
    for name, scores in list(rows.items())[:2]:
        gap = paired_delong(searched, scores)["macro"]
        low, high = gap["ci95"]
        print(f"search less {name}: {gap['value']:+.3f} [{low:+.3f}, {high:+.3f}], p {gap['p']:.2f}")


def _trained(out: Path, train: Callable[[Path], object]) -> tuple[Scores, float]:
    """Scores of the outer test patients, and seconds of CPU that the training took."""
    note = out.with_name(f"{out.name}_{_SPENT}")
    if not (RunFolder(out).complete and note.is_file()):
        before = time.process_time()
        train(out)
        earlier = json.loads(note.read_text()) if note.is_file() else 0.0
        note.write_text(json.dumps(earlier + time.process_time() - before))
    return Scores.from_csv(out / "scores.csv"), json.loads(note.read_text())


def _mean(runs: list[Scores]) -> Scores:
    """Mean of the probabilities; the rows of all runs stand in the same order."""
    first = runs[0]
    assert all((run.roi_id == first.roi_id).all() for run in runs)
    return replace(first, probabilities=np.mean([run.probabilities for run in runs], axis=0))


if __name__ == "__main__":
    main()
