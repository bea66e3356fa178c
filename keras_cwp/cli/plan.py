"""keras-cwp plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from keras_cwp.cli.options import PATH, Output, output_options

if TYPE_CHECKING:
    from keras_cwp.api.planning import Plan
    from keras_cwp.evaluation.judged_patients import Judged


_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command("plan")
@click.argument("run", type=PATH, required=False)
@click.option(
    "--half-width",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help="Half of the wished width of a 95 % interval, such as 0.03. With RUN: of its macro AUC, by the "
    "variance of the run's patients. With --auc: of the AUC of a class.",
)
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="Draws of patients of each size.")
@click.option(
    "--auc",
    type=click.FloatRange(0.5, 1, min_open=True, max_open=True),
    help="Without RUN: expected AUC of a class against the rest; with --difference, of the worse model.",
)
@click.option("--share", type=_SHARE, help="Share of the patients who have the class.")
@click.option("--difference", type=_SHARE, help="Difference of two models' AUCs that a paired test at .05 is to find.")
@click.option(
    "--rois",
    type=click.FloatRange(1, 100),
    default=1,
    show_default=True,
    help="ROIs of a patient, of each about the same number; unequal numbers need more patients.",
)
@click.option(
    "--alike",
    type=click.FloatRange(0, 1),
    default=1,
    show_default=True,
    help="With --rois: correlation of the scores of a patient's ROIs; 1: a further ROI is worth nothing.",
)
@click.option(
    "--correlation",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.5,
    show_default=True,
    help="With --difference: correlation of two models' AUCs over studies of the same patients.",
)
@click.option(
    "--power",
    type=_SHARE,
    default=0.8,
    show_default=True,
    help="With --difference: share of studies that find it.",
)
@output_options
def command(
    run: Path | None,
    half_width: float | None,
    repeats: int,
    auc: float | None,
    share: float | None,
    difference: float | None,
    rois: float,
    alike: float,
    correlation: float,
    power: float,
    output: Output,
) -> None:
    """Estimate what more patients would bring to RUN, or without RUN how many patients a study takes.

    With RUN, probes of parts of its patients say what more would bring; they take seconds to a minute. A network whose
    weights are all trained may gain more from further patients.

    Without RUN, --auc and --share describe a study that is yet to be done, and --half-width or --difference what it is
    to show: keras-cwp plan --auc 0.85 --share 0.2 --half-width 0.05
    """
    if (run is None) == (auc is None):
        got = "neither was given" if run is None else f"RUN {run} and --auc {auc} were given"
        raise click.UsageError(f"give either a RUN, or --auc and --share of a study that is yet to be done; {got}")
    _refuse_others(
        ("repeats",) if run is None else ("share", "difference", "rois", "alike", "correlation", "power"), run
    )
    if run is None:
        assert auc is not None
        if share is None or (half_width is None and difference is None):
            raise click.UsageError("--auc takes --share, and --half-width or --difference or both")
        if difference is None:
            _refuse_given(("correlation", "power"), "only with --difference")
        if rois == 1:
            _refuse_given(("alike",), "only with --rois above 1")
        wished = _Study(auc, share, half_width, difference, rois, alike, correlation, power)
        found = _sizes(wished)
        output.result("\n".join(_size_lines(wished, found)), {**wished._asdict(), **found})
        return
    from keras_cwp.api.planning import plan

    planned = plan(run, half_width=half_width, repeats=repeats, console=output.console)
    output.result("\n".join(_lines(planned)), _tree(planned))


def _refuse_others(names: Sequence[str], run: Path | None) -> None:
    """Refuse options of the other form of the command."""
    _refuse_given(names, "only for " + ("--auc, without a RUN" if run else "a RUN, without --auc"))


def _refuse_given(names: Sequence[str], why: str) -> None:
    """Refuse options that would be passed over."""
    context = click.get_current_context()
    given = [f"--{name}" for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        raise click.UsageError(f"{', '.join(given)}: {why}; leave it out")


class _Study(NamedTuple):
    """What the options without RUN say."""

    auc: float
    share: float
    half_width: float | None
    difference: float | None
    rois: float
    alike: float
    correlation: float
    power: float


def _sizes(study: _Study) -> dict[str, int]:
    from keras_cwp.api.planning import patients_for_difference, patients_for_half_width

    found = {}
    if study.half_width is not None:
        found["patients_for_half_width"] = patients_for_half_width(
            study.auc, study.share, study.half_width, rois=study.rois, alike=study.alike
        )
    if study.difference is not None:
        found["patients_for_difference"] = patients_for_difference(
            study.auc,
            study.share,
            study.difference,
            rois=study.rois,
            alike=study.alike,
            correlation=study.correlation,
            power=study.power,
        )
    return found


def _size_lines(study: _Study, found: Mapping[str, int]) -> list[str]:
    each = f"{study.rois:g} ROIs a patient, alike {study.alike:g}" if study.rois > 1 else "one ROI a patient"
    lines = [f"AUC {study.auc} of a class that {100 * study.share:g} % of the patients have, {each}:"]
    for name, patients in found.items():
        what = f"a 95 % interval that is {2 * (study.half_width or 0):g} wide on average"
        if name == "patients_for_difference":
            what = f"a difference of {study.difference} at .05 with power {study.power:g}, "
            what += f"where the two models' AUCs correlate {study.correlation:g}"
        lines.append(f"  {patients:,} patients, {round(study.share * patients):,} with the class: {what}")
    return lines


def _lines(plan: Plan) -> list[str]:
    curve = plan.curve
    lines = [f"Probe of {plan.probe}, macro AUC by patients trained on:"]
    lines += [f"  {round(patients):>6}  {area:.3f}" for patients, area in zip(curve.patients, curve.auc, strict=True)]
    twice = plan.twice
    interval = f"[{twice.low:.3f}, {twice.high:.3f}]"
    if twice.low != twice.low:
        interval = "(no interval: the probes make next to no error)"
    trained = f"a probe trained on {twice.patients} patients, twice as many as there are"
    lines.append(f"Expected of {trained}: {twice.auc:.3f} {interval}")
    if plan.wished is not None and plan.judged_wished is not None:
        lines.append(
            f"The run's interval over {plan.judged} patients is ± {plan.half_width:.3f}; ± {plan.wished:g} takes "
            f"{_judged(plan.judged_wished)}"
        )
    elif plan.wished is not None:
        lines.append("The run gives no interval for its macro AUC, so no number of patients can be derived from it")
    return lines


def _judged(wished: Judged) -> str:
    if wished.at_least:  # a perfect result says little of how often a model errs
        return f"{wished.patients:,} patients like these or more"
    return f"about {wished.patients:,} patients like these (90 % interval: {wished.low:,} to {wished.high:,})"


def _tree(plan: Plan) -> dict[str, Any]:
    curve = plan.curve
    return {
        "probe": plan.probe,
        "curve": [
            {"patients": round(float(patients), 1), "auc": float(area)}
            for patients, area in zip(curve.patients, curve.auc, strict=True)
        ],
        "patients": plan.patients,
        "twice": {name: None if value != value else value for name, value in vars(plan.twice).items()},
        "judged": plan.judged,
        "half_width": None if plan.half_width != plan.half_width else plan.half_width,
        "wished": plan.wished,
        "judged_wished": None if plan.judged_wished is None else vars(plan.judged_wished),
    }
