"""Plan a study: what more patients would bring to a run, and how many an interval or a difference takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keras_cwp.api.data import data_of
from keras_cwp.api.progress import progress_bar
from keras_cwp.api.run import Run
from keras_cwp.config import Config
from keras_cwp.errors import CwpError
from keras_cwp.evaluation.sample_size import patients_for_difference, patients_for_half_width
from keras_cwp.runtime import import_tensorflow

if TYPE_CHECKING:
    from rich.console import Console

    from keras_cwp.evaluation.judged_patients import Judged
    from keras_cwp.evaluation.learning_curve import Expected, LearningCurve

__all__ = ["Plan", "patients_for_difference", "patients_for_half_width", "plan"]


@dataclass(frozen=True, eq=False)
class Plan:
    """What a study of more patients may expect.

    Args:
        probe: network and weights whose frozen features were probed.
        curve: macro AUC by patients that a training had.
        patients: of the data set.
        twice: expected with twice the patients.
        judged: patients that the run's figures are of; all of them in a cross-validation.
        half_width: of the 95 % interval of the run's macro AUC; NaN where the run gives none.
        wished: half-width that was asked for; None: none was.
        judged_wished: patients like the run's to be judged for an interval as narrow as that; None where the run gives
            no interval.
    """

    probe: str
    curve: LearningCurve
    patients: int
    twice: Expected
    judged: int
    half_width: float
    wished: float | None
    judged_wished: Judged | None


def plan(
    run: Run | Path | str, *, half_width: float | None = None, repeats: int = 5, console: Console | None = None
) -> Plan:
    """Learn from parts of a run's patients, and say what more of them would bring.

    Linear probes of frozen features stand for the network: they take seconds to a minute. A network whose weights are
    all trained may gain more from further patients.

    Args:
        run: RUN folder of fit or cross_validate, evaluated; its data set must still be where it was.
        half_width: of a 95 % interval of the macro AUC, such as 0.03; the plan says how many patients that takes.
            It is calculated from the run's variance (`judged_patients.patients_to_judge`).
        repeats: draws of patients of each size.
        console: prints progress; None prints nothing.

    Raises:
        CwpError: the data set is gone or another, or `half_width` is no number between 0 and 0.5.
        SplitError: fewer than some 40 patients; more are needed where a class has fewer than five.
        ScoresError: an interval that takes more than a million patients.
        ModelError: weights that cannot be found.
    """
    opened = run if isinstance(run, Run) else Run(run)
    if half_width is not None and not 0 < half_width < 0.5:
        raise CwpError(f"half-width {half_width}: expected a number between 0 and 0.5, such as 0.03")
    data = data_of(opened.folder)
    import_tensorflow()
    from keras_cwp.evaluation.judged_patients import patients_to_judge
    from keras_cwp.evaluation.learning_curve import learning_curve
    from keras_cwp.training.more_patients import try_fewer_patients

    config = _probed(opened)
    with progress_bar(console, "probes") as progress:
        tried = try_fewer_patients(data, config, repeats, progress)
    curve = learning_curve(tried, seed=config.seed)
    patients = int(tried.groups.max()) + 1
    area = opened.metrics["auc"]["macro"]
    now = (area["ci95"][1] - area["ci95"][0]) / 2 if area["ci95"] else float("nan")
    judged = opened.scores["patient_id"].nunique()
    wished = None
    if half_width is not None and area["ci95"]:  # without an interval a class lacks patients
        wished = patients_to_judge(opened.folder.scores, half_width)
    name = f"{config.model.arch} ({config.model.weights})"
    return Plan(name, curve, patients, curve.at(2 * patients), judged, now, half_width, wished)


def _probed(run: Run) -> Config:
    """Names the network to probe: the run's, of several the commonest; ImageNet features where it has no weights."""
    from keras_cwp.training.beside import probe_config

    commonest = Counter(run.folder.model_config(folder) for folder in run.folder.model_folders()).most_common(1)[0][0]
    config = run.config.model_copy(update={"model": commonest})
    return config if commonest.weights else probe_config(config)
