"""A RUN folder as an object: its metrics, scores, report and model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_cwp.api.progress import notes_to, or_silent
from keras_cwp.api.tables import scores_table
from keras_cwp.config import Config
from keras_cwp.errors import DataError, RunError
from keras_cwp.runtime import import_tensorflow
from keras_cwp.training.run import RunFolder

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from keras_cwp.api.data import Source
    from keras_cwp.api.model import Model

PathLike = Path | str
_FRAME_PX = 640  # height of a page in a notebook


@dataclass(frozen=True)
class Report(os.PathLike[str]):
    """The path of an HTML page; a notebook shows the page itself."""

    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        page = escape(self.path.read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:{_FRAME_PX}px;border:0"></iframe>'


@dataclass(frozen=True)
class Evaluation:
    """Metrics of one evaluation.

    Args:
        summary: the result in a sentence or two.
        metrics: as metrics.json; see `keras_cwp.evaluation.metrics`.
        scores: a row a ROI; see `Run.scores`.
        report: the page.
    """

    summary: str
    metrics: dict[str, Any]
    scores: pd.DataFrame
    report: Report

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


class Run:
    """A RUN folder that `fit` or `cross_validate` completed; nothing is read before it is asked for.

    Args:
        path: the folder.

    Raises:
        RunError: not a RUN folder, or one whose training did not end.
    """

    def __init__(self, path: PathLike) -> None:
        self.folder = RunFolder(Path(path))
        if not self.folder.path.is_dir():
            raise RunError(f"{path}: no such folder; expected a RUN folder that fit or cv completed")
        if not self.folder.complete:
            raise RunError(f"{path}: no scores.csv in it; expected a RUN folder that fit or cv completed")
        self._summary: str | None = None

    @classmethod
    def evaluated(cls, folder: RunFolder, console: Console | None = None) -> Run:
        """A run with its report made anew, and with the ONNX form that lets it score films without TensorFlow."""
        from keras_cwp.prediction.kept_onnx import keep_onnx
        from keras_cwp.report.run_report import evaluate_run

        run = cls(folder.path)
        shown = or_silent(console)
        shown.print("evaluating, drawing heat maps, writing the report …")
        run._summary, _ = evaluate_run(folder)
        keep_onnx(folder.path, notes_to(console))
        return run

    @property
    def path(self) -> Path:
        """The folder."""
        return self.folder.path

    @property
    def config(self) -> Config:
        """The configuration that the run was made with, every key resolved."""
        return self.folder.config

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the probabilities."""
        return self.folder.scores.classes

    @property
    def metrics(self) -> dict[str, Any]:
        """metrics.json: `metrics["auc"]["macro"]` is {"value", "ci95"}; see `keras_cwp.evaluation.metrics`."""
        return self.folder.metrics

    @property
    def scores(self) -> pd.DataFrame:
        """A row a held-out ROI: roi_id, patient_id, image (pseudonyms), fold, label, predicted, prob_CLASS …"""
        return scores_table(self.folder.scores)

    @property
    def validation_scores(self) -> pd.DataFrame:
        """The same for the validation ROIs, which thresholds and calibration come from."""
        return scores_table(self.folder.validation_scores)

    @property
    def history(self) -> pd.DataFrame:
        """A row an epoch: loss, accuracy, val_loss, val_auc …; with `fold` where there are several."""
        import pandas as pd

        from keras_cwp.report.run_facts import run_history

        return pd.DataFrame(run_history(self.folder))

    @property
    def info(self) -> dict[str, Any]:
        """run.json: kind, data, data_hash, command."""
        return self.folder.info

    @property
    def summary(self) -> str:
        """The result in a sentence or two."""
        if self._summary is None:
            from keras_cwp.report.run_input import ReportInput
            from keras_cwp.report.summary import summary

            self._summary = summary(ReportInput("", self.folder.scores, self.metrics, ""))
        return self._summary

    def report(self) -> Report:
        """report.html; written now if it is not there."""
        page = self.path / "report.html"
        if not page.is_file():
            import_tensorflow()
            from keras_cwp.report.run_report import evaluate_run

            self._summary, page = evaluate_run(self.folder)
        return Report(page)

    def evaluate(
        self,
        data: Source | None = None,
        *,
        out: PathLike | None = None,
        views: int | None = None,
        allow_shared_patients: bool = False,
        prevalence: Mapping[str, float] | None = None,
    ) -> Evaluation:
        """Evaluate the held-out ROIs again, or the run's model on another data set.

        Args:
            data: another prepared data set; None: the ROIs that the run held out.
            out: folder to write to; None: the run's own, RUN/on_DATA or RUN/tta_K.
            views: of each crop to average; None: as many as the run's figures were obtained with.
            allow_shared_patients: judge on patients of `data` that were trained on; the report says so.
            prevalence: class → its share where the model is to be used; None: as configured. Predictive values are
                given for it. With all classes, accuracy is also given of probabilities that are moved to these shares.

        Raises:
            DataError: `data` is a file, or has other classes or crops than the model, or patients that it was trained
                on.
        """
        if isinstance(data, (str, Path)) and Path(data).is_file():
            raise DataError(
                f"data {data}: a file, but evaluate takes a prepared data set; make one with keras-cwp prepare --rois "
                f"{data} --images RADIOGRAPHS --out DATA"
            )
        import_tensorflow()
        from keras_cwp.api.data import open_data
        from keras_cwp.report.run_report import evaluate_run

        other = None if data is None else open_data(data)
        sentence, page = evaluate_run(
            self.folder, other, Path(out) if out else None, views, allow_shared_patients, prevalence
        )
        written = RunFolder(page.parent)
        own = (page.parent / "scores.csv").is_file()
        scores = written.scores if own else self.folder.scores
        return Evaluation(sentence, written.metrics, scores_table(scores), Report(page))

    def refit(self, out: PathLike, *, distil: bool = False, console: Console | None = None) -> Run:
        """Train one network on all patients of this cross-validation, with what it chose.

        The new run has no held-out patients: its figures and thresholds are this one's, whose networks saw fewer.

        Args:
            out: RUN folder to write; what was interrupted is continued.
            distil: teach it by the mean of this run's networks. In each fold a network is taught too, so that the
                figures are of taught networks. `out` has their RUN in `students`, and `info["distilled"]` says what
                they keep of the teachers' macro AUC.
            console: prints progress; None prints nothing.

        Raises:
            RunError: not a run of cross_validate, or one that has nothing to distil; or `out` holds something else.
            CwpError: the data set is gone or another.
        """
        from keras_cwp.api.data import data_of

        data = data_of(self.folder)
        import_tensorflow()
        from keras_cwp.data.split_file import SPLIT_FILE
        from keras_cwp.prediction.kept_onnx import keep_onnx
        from keras_cwp.training.crossval import cross_validate
        from keras_cwp.training.refit import refit

        def teach(config: Config, folder: Path) -> RunFolder:
            students = RunFolder(folder)
            if not students.complete:
                cross_validate(
                    data, config, folder, or_silent(console), self.path / SPLIT_FILE, stated=("train.epochs",)
                )
            if not (folder / "metrics.json").is_file():
                Run.evaluated(students, console)
            return students

        made = Run(refit(self.folder, data, Path(out), or_silent(console), teach if distil else None).path)
        keep_onnx(made.path, notes_to(console))
        return made

    def model(self, fold: int | None = None) -> Model:
        """The trained model; of a cross-validation the mean of its folds, or one fold's."""
        from keras_cwp.api.model import load

        return load(self.path, fold=fold)

    def export(self, out: PathLike, **options: Any) -> Path:
        """Write the model for a server; see `Model.export`."""
        return self.model(options.pop("fold", None)).export(out, **options)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}): {self.summary}"

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()
