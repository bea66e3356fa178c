"""Keras layers, one a file; importing this package registers them with Keras."""

from keras_cwp.layers.batch_norm import FusedBatchNormalization
from keras_cwp.layers.channel_shuffle import ChannelShuffle
from keras_cwp.layers.channel_split import ChannelSplit
from keras_cwp.layers.eca import ECA, eca_kernel_size
from keras_cwp.layers.mean_of_networks import MeanOfNetworks
from keras_cwp.layers.padded import PaddedConv2D, PaddedDepthwiseConv2D, PaddedMaxPooling2D
from keras_cwp.layers.scaling import Scaling

__all__ = [
    "ECA",
    "ChannelShuffle",
    "ChannelSplit",
    "FusedBatchNormalization",
    "MeanOfNetworks",
    "PaddedConv2D",
    "PaddedDepthwiseConv2D",
    "PaddedMaxPooling2D",
    "Scaling",
    "eca_kernel_size",
]
