"""In words: how the networks of a run were trained, where `train.mode: auto` decided, two make an ensemble, or others
taught them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from keras_cwp.wording import plural

if TYPE_CHECKING:
    from keras_cwp.training.run import RunFolder


def how_trained(run: RunFolder) -> str:
    """Some sentences; empty for a run whose networks are single, had no teacher, and whose mode was named."""
    return " ".join(said for said in (_chosen(run), _of_ensembles(run), _taught(run)) if said)


def _chosen(run: RunFolder) -> str:
    chosen = run.chosen_modes()
    if not chosen:
        return ""
    if list(chosen) == [0]:
        return f"The training patients alone decided how the network was trained: {chosen[0].what}; {chosen[0].reason}."
    counts = Counter(each.what for each in chosen.values()).most_common()
    said = "; ".join(f"{count} of {plural(len(chosen), 'fold')}: {what}" for what, count in counts)
    return (
        f"The training patients of each network alone decided how it was trained. {said}. run.json has the reason for "
        "each."
    )


def all_probes(run: RunFolder) -> bool:
    """Whether every network of a run is a probe, which has no epochs."""
    chosen = run.chosen_modes()
    if not chosen:
        return run.config.train.mode == "probe"
    return all(each.mode == "probe" for each in chosen.values())


def _of_ensembles(run: RunFolder) -> str:
    if not (about := run.ensembles()):
        return ""
    shares = [
        f"{each.share:.2f}" if number == 0 else f"fold {number}: {each.share:.2f}" for number, each in about.items()
    ]
    if any(each.patients for each in about.values()):
        chose = "was chosen by the validation patients, by log loss"
    else:
        chose = "was given" if run.config.train.ensemble_share else "is a half, as nobody was there to choose it"
    whose = "" if len(about) == len(run.chosen_modes() or about) else " of an ensemble"
    return (
        f"Each probability{whose} is the weighted mean of two networks: model.weights fine-tuned, and a probe of "
        f"ImageNet features. The share of the first {chose} ({', '.join(shares)}). Heat maps are of the first."
    )


def _taught(run: RunFolder) -> str:
    if not (path := run.config.train.teacher):
        return ""
    return (
        f"Each network learnt from the labels and from the network of the same fold of the run {Path(path).name}, "
        "which saw none of the patients who are held out."
    )
