"""keras-cwp plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_cwp.cli.options import PATH, Output, output_options

if TYPE_CHECKING:
    from keras_cwp.api.planning import Plan


@click.command("plan")
@click.argument("run", type=PATH)
@click.option(
    "--half-width",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help="Wished of the 95 % interval of the macro AUC, such as 0.03.",
)
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="Draws of patients of each size.")
@output_options
def command(run: Path, half_width: float | None, repeats: int, output: Output) -> None:
    """Estimate what more patients would bring to RUN, from probes of parts of its patients.

    Probes take seconds. A network whose weights are all trained may gain more from further patients.
    """
    from keras_cwp.api.planning import plan

    found = plan(run, half_width=half_width, repeats=repeats, console=output.console)
    output.result("\n".join(_lines(found)), _tree(found))


def _lines(plan: Plan) -> list[str]:
    curve = plan.curve
    lines = [f"Probe of {plan.probe}, macro AUC by patients trained on:"]
    lines += [f"  {round(patients):>6}  {area:.3f}" for patients, area in zip(curve.patients, curve.auc, strict=True)]
    twice = plan.twice
    lines.append(
        f"Expected of a probe trained on {twice.patients} patients, twice as many as there are: {twice.auc:.3f} "
        f"[{twice.low:.3f}, {twice.high:.3f}]"
    )
    if plan.wished is not None and plan.judged_wished is not None:
        lines.append(
            f"The run's interval over {plan.judged} patients is ± {plan.half_width:.3f}; ± {plan.wished:g} takes about "
            f"{plan.judged_wished} patients to be judged"
        )
    elif plan.wished is not None:
        lines.append("The run gives no interval for its macro AUC, so no number of patients can be derived from it")
    return lines


def _tree(plan: Plan) -> dict[str, Any]:
    curve = plan.curve
    return {
        "probe": plan.probe,
        "curve": [
            {"patients": round(float(patients), 1), "auc": float(area)}
            for patients, area in zip(curve.patients, curve.auc, strict=True)
        ],
        "patients": plan.patients,
        "twice": vars(plan.twice),
        "judged": plan.judged,
        "half_width": None if plan.half_width != plan.half_width else plan.half_width,
        "wished": plan.wished,
        "judged_wished": plan.judged_wished,
    }
