"""Whether `keras-cwp plan` predicts: the AUC of twice the patients from n, over subsamples of the pediatric set.

    PYTHONPATH=. python scripts/bench_plan.py DATA [--patients 200] [--subsamples 100]

DATA is a prepared data set of many patients. Probes of its cached Lite0 features are trained on subsamples; what the
curve says of twice as many is held against probes that had twice as many, judged on all other patients.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.special import softmax

from keras_cwp.config import load_config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.evaluation.learning_curve import learning_curve
from keras_cwp.evaluation.roc import macro_auc
from keras_cwp.models.build import build_model
from keras_cwp.models.probed import probed
from keras_cwp.training.more_patients import of_features
from keras_cwp.training.probe import Head, cached_features, choose_strength

_TRUTHS = 20  # probes of twice the patients, whose mean AUC counts as the truth


def main() -> None:
    """Print the error and the coverage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--subsamples", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    data, config = PreparedData.open(given.data), load_config("probe")
    classes = len(data.classes)
    features = cached_features(probed(build_model(config.model, classes, data.image_size), classes), data)
    names, patient = np.unique(data.patients, return_inverse=True)
    random = np.random.default_rng(0)

    def drawn(count: int) -> np.ndarray:
        return np.isin(patient, random.permutation(len(names))[:count])

    areas = []
    for _ in range(_TRUTHS):
        rows = drawn(2 * given.patients)
        labels = data.labels[rows]
        strength, _ = choose_strength(features[rows], labels, data.patients[rows], classes, config, 0)
        head = Head(features[rows], labels).fitted(classes, strength)
        found = softmax(features[~rows] @ head.kernel + head.bias, axis=1)
        areas.append(macro_auc(data.labels[~rows], found))
    truth = float(np.mean(areas))
    print(
        f"{2 * given.patients} patients: macro AUC {truth:.3f}, SD {np.std(areas):.3f} over {_TRUTHS} draws", flush=True
    )
    errors, inside, widths = [], [], []
    for _ in range(given.subsamples):
        rows = drawn(given.patients)
        tried = of_features(features[rows], data.labels[rows], data.patients[rows], classes, config, given.repeats)
        expected = learning_curve(tried, resamples=200).at(2 * given.patients)
        errors.append(expected.auc - truth)
        inside.append(expected.low <= truth <= expected.high)
        widths.append(expected.high - expected.low)
    print(
        f"from {given.patients} patients, {given.subsamples} subsamples: mean error {np.mean(errors):+.4f}, root mean "
        f"square {np.sqrt(np.mean(np.square(errors))):.4f}, coverage of the 95 % interval {np.mean(inside):.3f}, mean "
        f"width {np.mean(widths):.3f}"
    )


if __name__ == "__main__":
    main()
