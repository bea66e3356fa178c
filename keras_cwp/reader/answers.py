"""What the model says of a box: probabilities at once; heat map and nearest training ROIs once they are prepared."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from keras_cwp.config import DataConfig
from keras_cwp.data.annotations.roi import Box, Roi
from keras_cwp.data.crops import margin_px, roi_window
from keras_cwp.errors import CwpError
from keras_cwp.prediction.asking import of_crops
from keras_cwp.prediction.open_model import open_predictor
from keras_cwp.prediction.regions import cut
from keras_cwp.reader.decisions import decisions_of
from keras_cwp.reader.map_scale import held_out_end, on_scale
from keras_cwp.reader.parts import LOADING, MISSING, READY, Part, network_folder
from keras_cwp.reader.pixels import FilmPixels
from keras_cwp.reader.training_rois import TrainingRois, look_at_training, open_training_data
from keras_cwp.runtime import give_back_freed_memory, import_tensorflow

if TYPE_CHECKING:
    from keras_cwp.prediction.region_maps import RegionMaps
    from keras_cwp.reader.sight import Sight


class _Stopped(Exception):  # noqa: N818 - no error: the server ends
    pass


class Answers:
    """A model that is asked about boxes.

    Args:
        model: a RUN, a .keras file, an exported version or its parent.

    Raises:
        CwpError: see `open_predictor`.
    """

    def __init__(self, model: Path) -> None:
        self.predictor = open_predictor(model)
        self._model, self._decisions = model, decisions_of(model)
        self.contract = self.predictor.contract
        self.rules = DataConfig(voi=self.contract.voi, window=self.contract.window)
        self.engine = self.predictor.engine
        self.heat, self.neighbours = Part(LOADING), Part(LOADING)
        self._sight: Sight | None = None
        self._end: float | None = None  # of the maps' scale; None: each map has a scale of its own
        self._training: TrainingRois | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._prepare, name="prepare", daemon=True)

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the probabilities."""
        return self.contract.classes

    def start(self) -> None:
        """Prepare heat maps and neighbours in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End the preparation, so that the process can end."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def wait(self) -> None:
        """Until the preparation has ended."""
        self._thread.join()

    def about(self) -> dict[str, Any]:
        """What holds for all answers, for JSON."""
        return self._decisions.tree() | {"classes": list(self.classes), "engine": self.engine}

    def state(self) -> dict[str, Any]:
        """Of the parts that are prepared, for JSON."""
        return {"heat": self.heat.tree(), "neighbours": self.neighbours.tree()}

    def of_box(self, pixels: FilmPixels, box: Box, spacing_mm: float | None) -> dict[str, Any]:
        """The answer for a box, ready for JSON.

        Args:
            spacing_mm: of the film.

        Returns:
            See `Decisions.of`; `cautions` (sentences); `unlike` the training data, as `prediction.judging` has it, or
            None where the run does not say; once they are prepared (see `TrainingRois`), `neighbours` and
            `farther_than`.

        Raises:
            CwpError: the box lies outside, or the model's answer is not finite.
        """
        crop = self._crop(pixels, box, spacing_mm)
        probabilities = of_crops(self.predictor, crop[None])[0]
        answer = self._decisions.of(self.classes, probabilities)
        answer["cautions"] = self._cautions(pixels, box)
        distance = self.predictor.judging.distance(self._inner(crop)[None])
        answer["unlike"] = None if distance is None else bool(distance[0] > 1)
        if self._training is not None and self._sight is not None:
            features = self._sight.features(self._inner(crop)[None])[0]
            answer["neighbours"] = self._training.nearest(features)
            answer["farther_than"] = self._training.farther_than(features)
        return answer

    def heat_of(self, pixels: FilmPixels, box: Box, spacing_mm: float | None, class_name: str) -> dict[str, Any]:
        """The heat map of a class, ready for JSON.

        Returns:
            `window`: x, y, width, height that the map covers, in pixels of the film; `png`: a grey PNG in base 64, 255
            at the end of the scale, or None where the map does no better than random weights and is withheld; `class`;
            `one_scale`: whether maps of different boxes can be compared.

        Raises:
            CwpError: maps are not prepared, or an unknown class.
        """
        if self._sight is None or self.heat.state != READY:
            raise CwpError(f"heat map: {self.heat.said or 'it is being prepared'}")
        if class_name not in self.classes:
            raise CwpError(f"heat map: the class {class_name!r} is not of the model; it has {', '.join(self.classes)}")
        heat = self._heat(pixels, box, spacing_mm, self.classes.index(class_name))
        return {
            "window": list(self._window(box, spacing_mm)),
            "png": None if heat is None else _picture(heat),
            "class": class_name,
            "one_scale": self._end is not None,
        }

    def maps_on(self, path: Path, pixels: FilmPixels, boxes: list[Box], spacing_mm: float | None) -> RegionMaps | None:
        """The heat maps of boxes for the classes that they are called, as the page shows them; None where it has none.

        Args:
            path: of the film.
        """
        if self._sight is None or self.heat.state != READY:
            return None
        called = self.looks(pixels, boxes, spacing_mm)[0].argmax(axis=1) if boxes else ()
        placed = [
            (self._window(box, spacing_mm), self._heat(pixels, box, spacing_mm, int(index)))
            for box, index in zip(boxes, called, strict=True)
        ]
        from keras_cwp.prediction.region_maps import RegionMaps  # TensorFlow is there by now

        return RegionMaps(self.rules, {path: placed})

    def _heat(self, pixels: FilmPixels, box: Box, spacing_mm: float | None, index: int) -> np.ndarray | None:
        assert self._sight is not None
        image = self._inner(self._crop(pixels, box, spacing_mm))[None]
        return on_scale(self._sight.try_maps(image, np.array([index])), self._end)[0]

    def _window(self, box: Box, spacing_mm: float | None) -> Box:
        """What the network sees of the film."""
        window = roi_window(box, self.contract.image_size, 0, self.contract.square, self._field_px(spacing_mm))
        return window.x, window.y, window.width, window.height

    def looks(self, pixels: FilmPixels, boxes: list[Box], spacing_mm: float | None) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities [boxes, classes] and features [boxes, channels]; for `suggest`.

        Without a network to look into, the logarithms of the probabilities stand for features.
        """
        crops = np.stack([self._crop(pixels, box, spacing_mm) for box in boxes])
        probabilities = of_crops(self.predictor, crops)
        if self._sight is None:
            return probabilities, np.log(probabilities.clip(1e-6))
        inner = np.stack([self._inner(crop) for crop in crops])
        return probabilities, self._sight.features(inner)

    def training_picture(self, row: int) -> bytes:
        """PNG of a training ROI.

        Raises:
            CwpError: there is none.
        """
        if self._training is None:
            raise CwpError("training ROIs are not prepared")
        return self._training.picture(row)

    def _crop(self, pixels: FilmPixels, box: Box, spacing_mm: float | None) -> np.ndarray:
        extra = {"spacing_mm": repr(spacing_mm)} if spacing_mm else {}
        return cut(
            pixels.radiograph, Roi("film", Path("film"), None, "", box, "box", "box", extra=extra), self.contract
        )

    def _inner(self, crop: np.ndarray) -> np.ndarray:
        """The region without its context: what the network sees."""
        size, margin = self.contract.image_size, margin_px(self.contract.image_size, self.contract.context)
        return crop[margin : margin + size, margin : margin + size]

    def _field_px(self, spacing_mm: float | None) -> float | None:
        """As `regions.cut` has it: the side of the region where the model was trained at one spacing."""
        if not self.contract.spacing_mm or not spacing_mm:
            return None
        return self.contract.image_size * self.contract.spacing_mm / spacing_mm

    def _cautions(self, pixels: FilmPixels, box: Box) -> list[str]:
        share = self.contract.region_share
        if share is None:
            return []
        own = box[2] * box[3] / pixels.grey.size
        if share[0] / 2 <= own <= share[2] * 2:
            return []
        size = "larger" if own > share[2] else "smaller"
        usual = f"{100 * share[0]:.1f} to {100 * share[2]:.1f} %"
        return [f"The box is {size} than the training ROIs: {100 * own:.1f} % of the film; theirs are {usual}."]

    def _prepare(self) -> None:
        """In a thread of its own: TensorFlow takes seconds to import, and a data set minutes to look at."""
        try:
            self._sight = self._prepared("heat", self._open_sight, self._decisions.withheld.rstrip("."))
            if self._sight is None:
                self.neighbours = Part(MISSING, "training ROIs can be compared only with a run's own network")
            else:
                self._training = self._prepared("neighbours", self._look_at_training)
        except _Stopped:
            pass

    def _prepared(self, name: str, make: Callable[[], Any], withheld: str = "") -> Any:
        """What `make` gives, or None; the state of the part says which.

        Args:
            withheld: why the part is not shown although it could be.
        """
        try:
            made = make()
        except CwpError as error:
            setattr(self, name, Part(MISSING, str(error)))
            return None
        except _Stopped:
            raise
        except Exception as error:  # the page still has probabilities; a text of TensorFlow's might name files
            setattr(self, name, Part(MISSING, f"it could not be prepared ({type(error).__name__})"))
            return None
        setattr(self, name, Part(MISSING, withheld) if withheld else Part(READY, getattr(self, name).said))
        return made

    def _open_sight(self) -> Sight:
        folder = network_folder(self._model)
        import_tensorflow(keep_memory=False)
        from keras_cwp.models.mean import mapped_network
        from keras_cwp.reader.sight import Sight
        from keras_cwp.training.saved import load_with_contract

        sight = Sight(mapped_network(load_with_contract(folder)[0]))
        nothing = np.zeros((1, sight.side, sight.side, 1), np.float32)
        sight.try_maps(nothing, np.zeros(1, np.int64))  # the first call builds the graph, which takes seconds
        sight.features(nothing)
        if not self._decisions.withheld:
            self._end = self._scale_of(sight)
        fold = folder.name.replace("_", " ") if folder.name.startswith("fold_") else ""
        self.heat = Part(LOADING, f"of the network of {fold}" if fold else "")
        return sight

    def _scale_of(self, sight: Sight) -> float | None:
        def progress(done: int, count: int) -> None:
            self._unless_stopped()
            self.heat = Part(LOADING, f"{done} of {count} held-out ROIs, for the scale")

        try:
            return held_out_end(sight, self._model, self.contract, progress)
        except CwpError:  # the neighbours say why there are no ROIs
            return None

    def _unless_stopped(self) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _look_at_training(self) -> TrainingRois:
        data, parts = open_training_data(self._model, self.contract)

        def progress(done: int, count: int) -> None:
            self._unless_stopped()
            self.neighbours = Part(LOADING, f"{done:,} of {count:,} training ROIs")

        assert self._sight is not None
        training = look_at_training(data, parts, self._sight.features, progress)
        give_back_freed_memory()
        self.neighbours = Part(LOADING)
        return training


def _picture(heat: np.ndarray) -> str:
    png = cv2.imencode(".png", np.rint(heat * 255).astype(np.uint8))[1]
    return base64.b64encode(bytes(png)).decode("ascii")
