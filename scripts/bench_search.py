"""Whether a search is better than the default that had as much CPU: the mean of default networks of several seeds.

    PYTHONPATH=. python scripts/bench_search.py DATA OUT [--trials 6] [--folds 3] [--inner 2] [--most 20]

DATA is a prepared data set. `search` draws configurations around config default in inner folds. Then config default is
trained on the same outer folds with one seed after another, until that took as much CPU as the search. Prints macro
AUCs of outer test patients and paired tests. What is finished is kept. Nothing is tuned here: the space is SPACE.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import keras_cwp as cwp
from keras_cwp.config import load_config
from keras_cwp.evaluation.alignment import align
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
    parser.add_argument("--most", type=int, default=20, help="default networks a fold, even if the search had more CPU")
    given = parser.parse_args()
    data = cwp.open_data(given.data)
    counts = {"folds": given.folds, "inner": given.inner}
    searched, spent = _trained(
        given.out / "search",
        lambda out: cwp.search(data, out, SPACE, trials=given.trials, config="default", **counts),
    )
    print(f"search: {spent:.0f} s of CPU", flush=True)
    runs, left = {"search": searched}, spent
    while left > 0 and len(runs) <= given.most:
        seed = len(runs) - 1
        # the first has the patients of the search in its folds; a search's own split has no validation patients
        split = {"split": given.out / "default_0" / "split.csv"} if seed else {"folds": given.folds}
        runs[f"seed {seed}"], seconds = _trained(
            given.out / f"default_{seed}",
            lambda out, seed=seed, split=split: cwp.cross_validate(data, out, config="default", seed=seed, **split),
        )
        left -= seconds
        print(f"default, seed {seed}: {seconds:.0f} s of CPU", flush=True)
    if left > 0:
        print(f"the default had {1 - left / spent:.0%} of the search's CPU (--most {given.most})", flush=True)
    searched, *defaults = align(runs).values()  # refuses ROIs that were held out in other folds
    for name, scores in {
        "search": searched,
        "default, one network": defaults[0],
        f"default, mean of {len(defaults)}": _mean(defaults),
    }.items():
        area = evaluate(scores, load_config("default").evaluate, 0)["auc"]["macro"]
        print(f"{name:<28}{area['value']:>7.3f} {_interval(area['ci95'])}", flush=True)
        if scores is not searched:
            gap = paired_delong(searched, scores)["macro"]
            print(f"  search less this: {gap['value']:+.3f} {_interval(gap['ci95'])}, p {gap['p']:.2f}", flush=True)


def _interval(bounds: Sequence[float] | None) -> str:
    return "(no interval)" if bounds is None else f"[{bounds[0]:.3f}, {bounds[1]:.3f}]"


def _trained(out: Path, train: Callable[[Path], object]) -> tuple[Scores, float]:
    """Scores of the outer test patients, and seconds of CPU of the training (without those of a killed process)."""
    note = out.with_name(f"{out.name}_{_SPENT}")
    if not RunFolder(out).complete:
        earlier = json.loads(note.read_text()) if note.is_file() else 0.0
        before = time.process_time()
        try:
            train(out)
        finally:
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(json.dumps(earlier + time.process_time() - before))
    return Scores.from_csv(out / "scores.csv"), json.loads(note.read_text())


def _mean(runs: list[Scores]) -> Scores:
    """Mean of the probabilities of runs in the same row order."""
    return replace(runs[0], probabilities=np.mean([run.probabilities for run in runs], axis=0))


if __name__ == "__main__":
    main()
