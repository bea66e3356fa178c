"""The signatures' own rules, with a network of one line instead of a trained one."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_cwp.augment.layer import load_policy
from keras_cwp.augment.tta import VIEWS_POLICY, mean_probabilities
from keras_cwp.data.crops import crop_roi
from keras_cwp.serving.decode import CMYK, OK
from keras_cwp.serving.endpoints import ENDPOINTS
from keras_cwp.serving.resample import BAD_BOX
from keras_cwp.serving.signatures import WHOLE_IMAGE, Signatures
from keras_cwp.training.run import ModelContract

SIZE = 16


def brightness(pixels: Any, training: bool) -> Any:
    """Logits [B, 2]: zero, and the log of the mean brightness; so P(dark) = 1 / (1 + mean)."""
    assert training is False
    mean = tf.reduce_mean(pixels, axis=[1, 2, 3])
    return tf.stack([tf.zeros_like(mean), tf.math.log(mean)], axis=1)


def left_side(pixels: Any, training: bool) -> Any:
    """Logits [B, 2]: zero, and ten times the difference of the sides' brightness; a flip turns it about."""
    assert training is False
    sides = tf.reduce_mean(pixels[:, :, : SIZE // 2] - pixels[:, :, SIZE // 2 :], axis=[1, 2, 3])
    return tf.stack([tf.zeros_like(sides), 10 * sides], axis=1)


def signatures(spacing_mm: float | None = None, square: str = "pad", views: int = 1) -> Signatures:
    contract = ModelContract(("dark", "bright"), SIZE, 0.25, square, spacing_mm, "hash", views)
    return Signatures(brightness, contract, "dark")


def noise(height: int = 60, width: int = 80) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def png(image: np.ndarray) -> tf.Tensor:
    return tf.constant([bytes(cv2.imencode(".png", image)[1])])


def test_a_dark_and_a_bright_image_by_hand() -> None:
    files = tf.concat([png(np.full((20, 20), 51, np.uint8)), png(np.full((9, 30), 255, np.uint8))], 0)
    answer = signatures().from_bytes(files)
    np.testing.assert_allclose(answer["probabilities"], [[1 / 1.2, 0.2 / 1.2], [0.5, 0.5]], atol=1e-6)
    assert answer["label"].numpy()[0] == b"dark"
    assert answer["classes"].numpy().tolist() == [[b"dark", b"bright"]] * 2
    assert answer["status"].numpy().tolist() == [OK.encode()] * 2


def test_no_rows_give_no_rows() -> None:
    answer = signatures().from_bytes(tf.zeros([0], tf.string))
    assert {name: tuple(value.shape) for name, value in answer.items()} == {
        "probabilities": (0, 2),
        "label": (0,),
        "classes": (0, 2),
        "status": (0,),
    }


def test_a_file_is_scored_in_the_views_that_predict_averages_and_pixels_in_one() -> None:
    image, margin, box = noise(), 4, (20.0, 10.0, 24.0, 30.0)
    crop = crop_roi(image / np.float32(255), box, SIZE, margin, "pad")[None, ..., None]

    def ask(pixels: Any) -> np.ndarray:
        return tf.nn.softmax(left_side(pixels, training=False)).numpy()

    def local(views: int) -> np.ndarray:
        return mean_probabilities(ask, crop, load_policy(VIEWS_POLICY), SIZE, margin, views)

    contract = ModelContract(("left", "right"), SIZE, 0.25, "pad", None, "hash", views=5)
    several = Signatures(left_side, contract, "left")
    both = tf.concat([png(image), tf.constant([b"junk"])], 0)
    answer = several.from_roi(both, tf.constant([box, box]))
    np.testing.assert_allclose(answer["probabilities"][0], local(5)[0], atol=1e-6)
    assert np.isnan(answer["probabilities"][1]).all()
    central = crop[:, margin:-margin, margin:-margin]
    np.testing.assert_allclose(several.from_pixels(central)["probabilities"], local(1), atol=1e-6)
    assert np.abs(local(5) - local(1)).max() > 1e-3  # or the comparisons above say nothing


def test_the_views_stand_in_the_graph_as_numbers_and_the_network_once() -> None:
    several = signatures(views=3)
    graph = several._answer.graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    assert not {node.op for node in nodes if "Random" in node.op}
    network = several._score.name.decode()
    assert sum(node.attr["f"].func.name == network for node in nodes if "PartitionedCall" in node.op) == 1


@pytest.mark.parametrize("own_mm", [0.2, 0.5])
def test_a_model_of_one_spacing_takes_a_field_of_view_instead_of_the_box(own_mm: float) -> None:
    image, box = noise(), (20.0, 10.0, 30.0, 20.0)
    side = SIZE * 0.4 / own_mm
    crop = crop_roi(image / np.float32(255), box, SIZE, 4, "pad", side)[4:20, 4:20]
    answer = signatures(0.4).from_roi(png(image), tf.constant([box]), tf.constant([own_mm]))
    assert float(answer["probabilities"][0, 0]) == pytest.approx(1 / (1 + crop.mean()), abs=1e-6)


@pytest.mark.parametrize("unknown", [0.0, float("nan")])
def test_without_a_spacing_the_box_counts(unknown: float) -> None:
    box = tf.constant([[20.0, 10, 30, 20]])
    stated = signatures(0.4).from_roi(png(noise()), box, tf.constant([unknown]))
    plain = signatures().from_roi(png(noise()), box)
    np.testing.assert_array_equal(stated["probabilities"], plain["probabilities"])


def test_only_a_model_of_one_spacing_asks_for_it() -> None:
    assert ENDPOINTS[0].name == "serving_default"
    (roi,) = [endpoint for endpoint in ENDPOINTS if endpoint.name == "roi_bytes"]
    names = {spacing: [spec.name for spec in roi.inputs(signatures(spacing).contract)] for spacing in (None, 0.4)}
    assert names == {None: ["image_bytes", "box"], 0.4: ["image_bytes", "box", "spacing_mm"]}


def test_stretch_and_pad_are_different_crops_of_an_oblong_box() -> None:
    box = tf.constant([[0.0, 0, 80, 20]])
    pad, stretch = (signatures(square=rule).from_roi(png(noise()), box) for rule in ("pad", "stretch"))
    assert abs(float(pad["probabilities"][0, 0] - stretch["probabilities"][0, 0])) > 1e-4


def test_regress_is_the_probability_of_anything_but_the_negative_class() -> None:
    features = {"image_bytes": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png(noise()).numpy()[0]]))}
    example = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    dark, bright = signatures().classify(tf.constant([example]))["scores"].numpy()[0]
    assert signatures().regress(tf.constant([example]))["outputs"].numpy()[0] == pytest.approx(bright, abs=1e-6)
    assert dark + bright == pytest.approx(1)


def example(box: list[Any] | None = None, content: bytes | None = None, spacing: Any = None) -> bytes:
    """A serialized tf.Example; whole numbers become an Int64List."""
    made = tf.train.Example()
    features = made.features.feature
    features["image_bytes"].bytes_list.value.append(png(noise()).numpy()[0] if content is None else content)
    for name, values in (("box", box), ("spacing_mm", spacing)):
        if values is not None:
            whole = all(isinstance(value, int) for value in values)
            (features[name].int64_list if whole else features[name].float_list).value.extend(values)
    return made.SerializeToString()


@pytest.mark.parametrize("spacing_mm", [None, 2.0])
def test_boxes_and_spacings_may_be_whole_numbers(spacing_mm: float | None) -> None:
    floats = example([20.0, 10.0, 30.0, 20.0], spacing=[1.0])
    whole = [example([20, 10, 30, 20], spacing=[1]), example([20, 10, 30, 20], spacing=[1.0])]
    found = signatures(spacing_mm).classify(tf.constant([floats, *whole]))["scores"].numpy()
    assert np.isfinite(found).all()
    assert (found[1:] == found[0]).all()
    other = signatures(spacing_mm).classify(tf.constant([example([0, 0, 9, 9], spacing=[1])]))["scores"].numpy()
    assert abs(other[0, 0] - found[0, 0]) > 1e-4


def test_one_bad_example_fails_alone() -> None:
    bad = [
        b"no example",
        example(box=[1, 2, 3]),
        example(box=[1.0, 2.0]),
        example(content=b"junk"),
        tf.train.Example().SerializeToString(),
    ]
    good = example([20.0, 10.0, 30.0, 20.0])
    found = signatures().classify(tf.constant([good, *bad, good]))["scores"].numpy()
    assert np.isnan(found[1:-1]).all()
    assert (found[0] == found[-1]).all()
    assert np.isfinite(found[0]).all()
    regressed = signatures().regress(tf.constant([*bad, good]))["outputs"].numpy()
    assert np.isfinite(regressed).tolist() == [False] * len(bad) + [True]


def test_a_batch_of_no_rows_has_an_answer_of_no_rows() -> None:
    none = tf.constant([], tf.string)
    for answer in (
        signatures().from_bytes(none),
        signatures(views=3).from_bytes(none),
        signatures().from_roi(none, tf.zeros([0, 4])),
        signatures().from_pixels(tf.zeros([0, SIZE, SIZE, 1])),
    ):
        assert {name: value.shape for name, value in answer.items()} == {
            "probabilities": (0, 2), "label": (0,), "classes": (0, 2), "status": (0,),
        }  # fmt: skip
    assert signatures().classify(none)["scores"].shape == (0, 2)
    assert signatures().regress(none)["outputs"].shape == (0,)


def test_cmyk_has_a_status_of_its_own() -> None:
    file = io.BytesIO()
    Image.fromarray(noise()).convert("CMYK").save(file, "JPEG")
    answer = signatures().from_bytes(tf.concat([[file.getvalue()], png(noise())], 0))
    assert answer["status"].numpy().tolist() == [CMYK.encode(), b"ok"]


@pytest.mark.parametrize(("share", "status"), [(None, BAD_BOX), ((0.9, 1.0, 1.0), OK), ((0.1, 0.1, 0.1), WHOLE_IMAGE)])
def test_four_times_no_number_are_no_box_and_fewer_are_a_bad_one(share: Any, status: str) -> None:
    nan = float("nan")
    contract = replace(signatures().contract, region_share=share)
    several = Signatures(brightness, contract, "dark")
    answer = several.from_roi(tf.repeat(png(noise()), 2), tf.constant([[nan] * 4, [nan, 0, 20, 20]]))
    assert answer["status"].numpy().tolist() == [status.encode(), BAD_BOX.encode()]
    if status == OK:
        assert answer["probabilities"][0, 0] == several.from_bytes(png(noise()))["probabilities"][0, 0]
