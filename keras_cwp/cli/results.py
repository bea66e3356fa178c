"""How the result of a run is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_cwp.cli.options import Output

if TYPE_CHECKING:
    from keras_cwp.api.run import Evaluation, Run


def show_run(run: Run, output: Output) -> None:
    """The summary of a run and its page, or its metrics as JSON."""
    page = run.report().path
    output.result(f"{run.summary}\n{page}", {"run": str(run.path), "report": str(page), "metrics": run.metrics}, page)


def show_evaluation(found: Evaluation, output: Output) -> None:
    """The same for one evaluation."""
    page = found.report.path
    output.result(f"{found.summary}\n{page}", {"report": str(page), "metrics": found.metrics}, page)
