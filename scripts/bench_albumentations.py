"""A worker of bench_augment.py: albumentations in its own environment, one batch a line of input.

python -m venv ENV; ENV/bin/pip install albumentations
"""

import sys
import time

import albumentations
import cv2
import numpy as np

CROP, SIDE, BATCH = 280, 224, 32

CHEAP = [
    albumentations.HorizontalFlip(p=0.5),
    albumentations.Affine(
        rotate=(-15, 15), scale=(0.87, 1.15), translate_percent=(-0.1, 0.1), border_mode=cv2.BORDER_REFLECT, p=1
    ),
    albumentations.CenterCrop(SIDE, SIDE),
    albumentations.RandomBrightnessContrast(0.1, 0.2, p=1),
    albumentations.RandomGamma((80, 125), p=0.5),
]
# What `strong` draws: geometry, elastic, blur, noise, exposure, gamma, erasing.
STRONG = [
    albumentations.HorizontalFlip(p=0.5),
    albumentations.Affine(
        rotate=(-20, 20),
        scale=(0.8, 1.25),
        shear=(-6, 6),
        translate_percent=(-0.12, 0.12),
        border_mode=cv2.BORDER_REFLECT,
        p=1,
    ),
    albumentations.Perspective(scale=(0, 0.06), p=0.3),
    albumentations.ElasticTransform(alpha=40, sigma=8, p=1),
    albumentations.CenterCrop(SIDE, SIDE),
    albumentations.GaussianBlur(sigma_limit=(0.3, 1.0), p=0.25),
    albumentations.GaussNoise(std_range=(0.0, 0.05), p=0.5),
    albumentations.RandomBrightnessContrast(0.12, 0.3, p=1),
    albumentations.RandomGamma((70, 140), p=0.5),
    albumentations.CoarseDropout(
        num_holes_range=(1, 1), hole_height_range=(0.1, 0.4), hole_width_range=(0.1, 0.4), p=0.25
    ),
]


def main() -> None:
    cv2.setNumThreads(1)  # as in a worker of a data loader
    images = (np.random.default_rng(0).random((BATCH, CROP, CROP, 1)) * 255).astype(np.uint8)
    chains = {"cheap": albumentations.Compose(CHEAP), "strong": albumentations.Compose(STRONG)}
    print("ready", flush=True)
    for line in sys.stdin:
        chain = chains[line.strip()]
        began = time.perf_counter()
        for image in images:
            chain(image=image)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
