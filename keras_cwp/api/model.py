"""A trained model: score radiographs, explain, export."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from keras_cwp.api.predictions import Predictions
from keras_cwp.api.progress import notes_to, progress_bar
from keras_cwp.api.regions import Asking, Inputs, regions_of
from keras_cwp.errors import CwpError, RunError
from keras_cwp.runtime import import_tensorflow

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from keras_cwp.prediction.predictor import Predictor
    from keras_cwp.prediction.region_maps import RegionMaps
    from keras_cwp.training.run import ModelContract

PathLike = Path | str


class Model:
    """A model of a RUN, a .keras file or an exported version; it is opened when it is first used.

    Args:
        path: where it lies.
        fold: of a run of cross_validate; None: the mean of all folds.
    """

    def __init__(self, path: PathLike, fold: int | None = None) -> None:
        self.path = Path(path)
        self.fold = fold

    @cached_property
    def _predictor(self) -> Predictor:
        from keras_cwp.prediction.open_model import open_predictor

        return open_predictor(self.path, self.fold)

    @property
    def contract(self) -> ModelContract:
        """Classes in order, and how a region becomes the input."""
        return self._predictor.contract

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the probabilities."""
        return self.contract.classes

    @property
    def engine(self) -> str:
        """What computes the answers, such as `ONNX Runtime 1.23`."""
        return self._predictor.engine

    @property
    def network(self) -> Any:
        """The Keras model: images [batch, image_size, image_size, 1] in [0, 1] → logits [batch, classes].

        Of a run of cross_validate without `fold`, its softmax is the mean of the folds' probabilities.

        Raises:
            ModelError: an exported version, which holds no Keras model.
        """
        import_tensorflow()
        from keras_cwp.training.saved import load_mean

        return load_mean(self.path, self.fold)[0]

    def predict(self, inputs: Inputs = (), *, views: int | None = None, **asking: Unpack[Asking]) -> pd.DataFrame:
        """Class probabilities of regions.

        Args:
            inputs: an image (the whole of it is the region, unless `boxes` are given), a DICOM file, a folder of them,
                a ROI table, or a list of these.
            views: of each crop to average; None: as the model's metrics were obtained.
            asking: boxes, rois, images, whole_image, refuse, console; see `keras_cwp.api.regions.Asking`.

        Returns:
            See `Predictions.table`.

        Raises:
            DataError: something that is not there or cannot be read.
        """
        return self.score(inputs, views=views, **asking).table

    def score(self, inputs: Inputs = (), *, views: int | None = None, **asking: Unpack[Asking]) -> Predictions:
        """`predict`, with everything that a report needs.

        Raises:
            CwpError: none of the regions could be scored; or as `predict`.
        """
        from keras_cwp.api.scoring import score

        return score(lambda: self._predictor, inputs, views, asking)

    def score_on_cluster(
        self, cluster: str, inputs: Inputs, out: PathLike, *, views: int | None = None, **asking: Unpack[Asking]
    ) -> Predictions:
        """`score` on a Ray cluster (extra `cluster`), and write the table to `out`.

        Blocks of regions that are done are kept in OUT.blocks until the table is written: the same call goes on after
        an interruption.

        Args:
            cluster: `ray` for a cluster on this machine, or `ray:ADDRESS`. Nodes need this package, and model and
                radiographs at the same paths.
            out: the table, see `Predictions.write`.

        Raises:
            CwpError: Ray is not installed, or another process works on `out`; or as `score`.
            RunError: no such cluster, or nodes on which no actor can begin.
        """
        from keras_cwp.api.scoring import score_on_cluster

        return score_on_cluster(
            lambda: self._predictor, self.path, self.fold, cluster, inputs, Path(out), views, asking
        )

    def region_maps(self, found: Predictions) -> RegionMaps | None:
        """Heat maps of scored regions for what is written beside DICOM reports; the mean of a run's folds.

        Returns:
            None of an exported version, which has no gradients.

        Raises:
            RunError: a fold that the run does not have.
        """
        from keras_cwp.prediction.kept_onnx import KERAS_FILE
        from keras_cwp.training.run import RunFolder, fold_folders

        folders = [self.path, *fold_folders(self.path).values()]
        if not self.path.is_file() and not any((folder / KERAS_FILE).is_file() for folder in folders):
            return None
        import_tensorflow()
        from keras_cwp.models.mean import mapped_network
        from keras_cwp.prediction.region_maps import map_regions
        from keras_cwp.training.saved import load_with_contract, named_model

        one = self.path.is_file() or self.fold is not None
        paths = [named_model(self.path, self.fold)] if one else RunFolder(self.path).model_folders()
        networks = [mapped_network(load_with_contract(path)[0]) for path in paths]
        called = dict(
            zip(found.scores.roi_id.tolist(), found.scores.probabilities.argmax(axis=1).tolist(), strict=True)
        )
        return map_regions(networks, self.contract, found.regions, called)

    def explain(
        self,
        inputs: Inputs,
        out: PathLike,
        *,
        method: str = "layercam",
        class_name: str | None = None,
        **asking: Unpack[Asking],
    ) -> pd.DataFrame:
        """Draw where the network looked: each region beside itself with its heat map.

        Args:
            inputs, asking: see `predict`.
            out: a new folder for the pictures and index.csv.
            method: see `keras_cwp.explain.heat_maps.METHODS`.
            class_name: class to explain; None: the most probable one.

        Returns:
            index.csv as a table: file, roi_id, image, class, probability, method.

        Raises:
            RunError: a run of cross_validate loaded without `fold`.
            CwpError: see `predict`; or the folder exists.
        """
        regions, lost, note = regions_of(inputs, asking)
        import_tensorflow()
        import pandas as pd

        from keras_cwp.prediction.explain import INDEX_FILE, explain
        from keras_cwp.training.saved import load_with_contract, named_model

        network, contract = load_with_contract(named_model(self.path, self.fold))
        with progress_bar(asking.get("console"), "regions") as progress:
            explain(
                network,
                contract,
                regions,
                Path(out),
                method=method,
                class_name=class_name,
                whole_image=asking.get("whole_image", False),
                note=note,
                refuse=lost,
                progress=progress,
            )
        return pd.read_csv(Path(out) / INDEX_FILE)

    def export(
        self,
        out: PathLike,
        *,
        format: str = "savedmodel",
        version: int | None = None,
        negative: str | None = None,
        views: int | None = None,
        console: Console | None = None,
    ) -> Path:
        """Write OUT/VERSION for a server or a runtime, checked against the Keras model before it takes its name.

        Args:
            out: saved_models/NAME; NAME becomes the model's name.
            format: savedmodel (TensorFlow Serving), onnx or litert.
            version: None: one more than the largest there.
            negative: class that the signature `regress` counts as nothing found; None: `normal` if there is one.
            views: savedmodel: of a region whose probabilities are averaged; None: as the model's figures were obtained.

        Returns:
            The folder OUT/VERSION.

        Raises:
            RunError: the model was not loaded from a RUN; or onnx or litert of the mean of several folds.
            ServingError: a version that exists, or an export that differs from the Keras model.
        """
        return _export_run(self.path, out, self.fold, format, version, negative, views, notes_to(console))

    def __repr__(self) -> str:
        fold = "" if self.fold is None else f", fold {self.fold}"
        return (
            f"Model({str(self.path)!r}{fold}): {', '.join(self.classes)}; {self.contract.image_size} px; {self.engine}"
        )


def load(path: PathLike, *, fold: int | None = None) -> Model:
    """Open a model.

    Args:
        path: a RUN, a .keras file that fit or cross_validate wrote, an exported version or its parent.
        fold: of a run of cross_validate; None: the mean of all folds.

    Raises:
        ModelError: none of these, or damaged.
        RunError: a fold that the run does not have.
    """
    model = Model(path, fold)
    _ = model.contract  # opens it, so that an error comes now
    return model


def _export_run(
    path: Path,
    out: PathLike,
    fold: int | None,
    format_name: str,
    version: int | None,
    negative: str | None,
    views: int | None,
    note: Callable[[str], None],
) -> Path:
    """See `Model.export`."""
    if not path.is_dir():
        raise RunError(f"{path}: an export takes a RUN folder that fit or cv completed")
    import_tensorflow()
    from keras_cwp.prediction.formats import FORMATS
    from keras_cwp.serving.converted import export_converted
    from keras_cwp.serving.export import export

    if format_name != "savedmodel" and format_name not in FORMATS:
        raise CwpError(f"format {format_name!r}: expected savedmodel, {', '.join(FORMATS)}")
    if views and format_name != "savedmodel":
        raise CwpError(f"views are for the format savedmodel; a model of the format {format_name} is the network alone")
    if format_name == "savedmodel":
        exported = export(path, Path(out), version=version, fold=fold, negative=negative, views=views, note=note)
        difference, replayed = max(exported.difference.values()), sum(exported.warmup.values())
        note(f"largest difference of a probability {difference:.1g}; {replayed} warm-up records answered")
        return exported.path
    converted = export_converted(path, Path(out), format_name, version=version, fold=fold, negative=negative, note=note)
    for name, difference in converted.difference.items():
        note(f"{name}: largest difference of a probability {difference:.1g}")
    return converted.path
