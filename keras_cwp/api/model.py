"""A trained model: score radiographs, explain, export; here, or on a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_cwp.api.progress import notes_to, progress_bar
from keras_cwp.data.annotations.roi import Box, Roi
from keras_cwp.errors import CwpError, DataError, RunError
from keras_cwp.runtime import import_tensorflow
from keras_cwp.scores import Scores

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from keras_cwp.prediction.predictor import Predictor
    from keras_cwp.training.run import ModelContract

PathLike = Path | str
Inputs = PathLike | Sequence[PathLike]
Refuse = Callable[[DataError, int], None]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Scored regions.

    Args:
        regions: that were asked for.
        scores: of those that could be scored, under the caller's own names.
        lost: how many were left out.
        identity: names the model, for reports.
        engine: what computed them.
    """

    regions: list[Roi]
    scores: Scores
    lost: int
    identity: str
    engine: str

    def to_csv(self, path: PathLike) -> None:
        """Write the scores; the file appears whole or not at all."""
        self.scores.to_csv(path)

    @property
    def table(self) -> pd.DataFrame:
        """A row a region that was scored: roi_id, image, x, y, width, height, predicted, probability, prob_CLASS …"""
        from keras_cwp.api.run import scores_table

        boxes = {(roi.roi_id, roi.image): roi.box for roi in self.regions}
        table = scores_table(self.scores)
        corners = [boxes[row] or (None,) * 4 for row in zip(table["roi_id"], table["image"], strict=True)]
        columns = list(zip(*corners, strict=True)) if corners else [()] * 4
        table = table.drop(columns=["patient_id", "fold", "label"])
        for place, (name, values) in enumerate(zip(("x", "y", "width", "height"), columns, strict=True), start=2):
            table.insert(place, name, list(values))
        best = self.scores.probabilities.max(axis=1) if len(self.scores) else []
        table.insert(table.columns.get_loc("predicted") + 1, "probability", best)
        return table


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
        import_tensorflow()
        from keras_cwp.prediction.predictor import open_predictor
        from keras_cwp.training.saved import named_model

        return open_predictor(self.path if self.fold is None else named_model(self.path, self.fold))

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

        Raises:
            RunError: a run of cross_validate loaded without `fold`.
            ModelError: an exported version, which holds no Keras model.
        """
        import_tensorflow()
        from keras_cwp.training.saved import load_with_contract, named_model

        return load_with_contract(named_model(self.path, self.fold))[0]

    def predict(
        self,
        inputs: Inputs = (),
        boxes: Iterable[Box] | None = None,
        *,
        rois: PathLike | None = None,
        images: PathLike | None = None,
        views: int | None = None,
        whole_image: bool = False,
        refuse: Refuse | None = None,
        console: Console | None = None,
    ) -> pd.DataFrame:
        """Class probabilities of regions.

        Args:
            inputs: an image (the whole of it is the region, unless `boxes` are given), a DICOM file, a folder of them,
                a ROI table, or a list of these.
            boxes: (x, y, width, height) in pixels of the full radiograph, 0-based, end-exclusive; with one radiograph.
            rois: one more ROI table.
            images: folder of the ROI table's images; None: where the table lies.
            views: of each crop to average; None: as the model's figures were obtained.
            whole_image: state that images without a box are meant, for a model that was trained on smaller regions.
            refuse: gets the error and the number of regions lost to it; None: the first error is raised.

        Returns:
            See `Predictions.table`.

        Raises:
            DataError: something that is not there or cannot be read.
        """
        return self.score(
            inputs,
            boxes,
            rois=rois,
            images=images,
            views=views,
            whole_image=whole_image,
            refuse=refuse,
            console=console,
        ).table

    def score(
        self,
        inputs: Inputs = (),
        boxes: Iterable[Box] | None = None,
        *,
        rois: PathLike | None = None,
        images: PathLike | None = None,
        views: int | None = None,
        whole_image: bool = False,
        refuse: Refuse | None = None,
        console: Console | None = None,
    ) -> Predictions:
        """`predict`, with everything that a report needs.

        Raises:
            CwpError: none of the regions could be scored; or as `predict`.
        """
        lost, note = _Lost(refuse), notes_to(console)
        regions = regions_of(inputs, boxes, rois, images, lost, note)
        predictor = self._predictor
        from keras_cwp.prediction.predict import predict

        with progress_bar(console, "regions") as progress:
            scores = predict(
                predictor, regions, views=views, whole_image=whole_image, note=note, refuse=lost, progress=progress
            )
        if not len(scores):
            raise CwpError(f"none of {len(regions)} regions could be scored")
        identity = f"training data {self.contract.data_hash[:16]}"
        return Predictions(regions, scores, lost.count, identity, self.engine)

    def explain(
        self,
        inputs: Inputs,
        out: PathLike,
        boxes: Iterable[Box] | None = None,
        *,
        rois: PathLike | None = None,
        images: PathLike | None = None,
        method: str = "gradcam",
        class_name: str | None = None,
        whole_image: bool = False,
        refuse: Refuse | None = None,
        console: Console | None = None,
    ) -> pd.DataFrame:
        """Draw where the network looked: each region beside itself with its heat map.

        Args:
            inputs, boxes, rois, images, whole_image, refuse: see `predict`.
            out: a new folder for the pictures and index.csv.
            method: see `keras_cwp.explain.heat_maps.METHODS`.
            class_name: class to explain; None: the most probable one.

        Returns:
            index.csv as a table: file, roi_id, image, class, probability, method.

        Raises:
            RunError: a run of cross_validate loaded without `fold`.
            CwpError: see `predict`; or the folder exists.
        """
        lost, note = _Lost(refuse), notes_to(console)
        regions = regions_of(inputs, boxes, rois, images, lost, note)
        import_tensorflow()
        import pandas as pd

        from keras_cwp.prediction.explain import INDEX_FILE, explain
        from keras_cwp.training.saved import load_with_contract, named_model

        network, contract = load_with_contract(named_model(self.path, self.fold))
        with progress_bar(console, "regions") as progress:
            explain(
                network,
                contract,
                regions,
                Path(out),
                method=method,
                class_name=class_name,
                whole_image=whole_image,
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
            RunError: the model was not loaded from a RUN, or is the mean of several folds.
            ServingError: a version that exists, or an export that differs from the Keras model.
        """
        return export_run(self.path, out, self.fold, format, version, negative, views, notes_to(console))

    def __repr__(self) -> str:
        fold = "" if self.fold is None else f", fold {self.fold}"
        return (
            f"Model({str(self.path)!r}{fold}): {', '.join(self.classes)}; {self.contract.image_size} px; {self.engine}"
        )


class RemoteModel:
    """A model that a server holds; TensorFlow is not imported.

    Args:
        address: http://HOST:8501/v1/models/NAME or grpc://HOST:8500/NAME.
        token_file: file with the bearer token that the server asks for.
        tls_ca: certificates to trust, PEM.
        requests: at once.
    """

    def __init__(
        self, address: str, *, token_file: PathLike | None = None, tls_ca: PathLike | None = None, requests: int = 4
    ) -> None:
        from keras_cwp.serving.client.address import Credentials, parse_address
        from keras_cwp.serving.token import read_token

        self.address = parse_address(address)
        token = read_token(Path(token_file)) if token_file else ""
        self._credentials = Credentials(token, Path(tls_ca) if tls_ca else None)
        self._requests = requests

    def predict(
        self, inputs: Inputs, out: PathLike, boxes: Iterable[Box] | None = None, **options: Any
    ) -> pd.DataFrame:
        """As `Model.predict`; `out` gets the CSV, and OUT.part what is scored until all is."""
        return self.score(inputs, out, boxes, **options).table

    def score(
        self,
        inputs: Inputs,
        out: PathLike,
        boxes: Iterable[Box] | None = None,
        *,
        rois: PathLike | None = None,
        images: PathLike | None = None,
        whole_image: bool = False,
        refuse: Refuse | None = None,
        console: Console | None = None,
    ) -> Predictions:
        """As `Model.score`; the same call goes on after an interruption.

        Raises:
            ServingError: the server refuses, or stays unavailable.
        """
        from keras_cwp.serving.client.score import Pace, open_transport, score

        lost, note = _Lost(refuse), notes_to(console)
        regions = regions_of(inputs, boxes, rois, images, lost, note)
        pace = Pace(requests=self._requests)
        transport = open_transport(self.address, self._credentials, pace.timeout_s)
        try:
            served = pace.retries.call(transport.describe)
            with progress_bar(console, "regions") as progress:
                scores = score(
                    transport,
                    self.address,
                    served,
                    regions,
                    Path(out),
                    pace=pace,
                    whole_image=whole_image,
                    note=note,
                    refuse=lost,
                    progress=progress,
                )
        finally:
            transport.close()
        identity = f"model {self.address.model}, version {served.version}"
        return Predictions(regions, scores, lost.count, identity, f"{self.address}, version {served.version}")

    def __repr__(self) -> str:
        return f"RemoteModel({str(self.address)!r})"


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


def regions_of(
    inputs: Inputs,
    boxes: Iterable[Box] | None,
    rois: PathLike | None,
    images: PathLike | None,
    refuse: Refuse,
    note: Callable[[str], None],
) -> list[Roi]:
    """The regions that a caller names; see `Model.predict`.

    Raises:
        DataError: something that is not there, or boxes without exactly one radiograph.
    """
    from keras_cwp.prediction.regions import find_regions

    paths = [Path(inputs)] if isinstance(inputs, str | Path) else [Path(each) for each in inputs]
    if boxes is None:
        return find_regions(paths, Path(rois) if rois else None, Path(images) if images else None, refuse, note)
    if len(paths) != 1 or not paths[0].is_file() or rois is not None:
        raise DataError(f"boxes go with one radiograph, got {', '.join(map(str, paths)) or 'none'}")
    name = paths[0].as_posix()
    return [
        Roi(name, paths[0], None, "", _checked(box, number), f"{name}#{number}", f"boxes[{number - 1}]")
        for number, box in enumerate(boxes, start=1)
    ]


def export_run(
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
    import_tensorflow()
    from keras_cwp.prediction.formats import FORMATS
    from keras_cwp.serving.converted import export_converted
    from keras_cwp.serving.export import export

    if format_name != "savedmodel" and format_name not in FORMATS:
        raise CwpError(f"format {format_name!r}: expected savedmodel, {', '.join(FORMATS)}")
    if views and format_name != "savedmodel":
        raise CwpError(f"views are for the format savedmodel; a model of the format {format_name} is the network alone")
    if not path.is_dir():
        raise RunError(f"{path}: an export takes a RUN folder that fit or cv completed")
    if format_name == "savedmodel":
        exported = export(path, Path(out), version=version, fold=fold, negative=negative, views=views, note=note)
        difference, replayed = max(exported.difference.values()), sum(exported.warmup.values())
        note(f"largest difference of a probability {difference:.1g}; {replayed} warm-up records answered")
        return exported.path
    converted = export_converted(path, Path(out), format_name, version=version, fold=fold, negative=negative, note=note)
    for name, difference in converted.difference.items():
        note(f"{name}: largest difference of a probability {difference:.1g}")
    return converted.path


class _Lost:
    """Counts regions that are left out; without a caller who wants them, the first is an error."""

    def __init__(self, refuse: Refuse | None) -> None:
        self.count = 0
        self._refuse = refuse

    def __call__(self, error: DataError, regions: int) -> None:
        if self._refuse is None:
            raise error
        self.count += regions
        self._refuse(error, regions)


def _checked(box: Box, number: int) -> Box:
    try:
        x, y, width, height = (float(value) for value in box)
    except (TypeError, ValueError):
        raise DataError(f"boxes[{number - 1}]: expected (x, y, width, height), got {box!r}") from None
    return x, y, width, height
