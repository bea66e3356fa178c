"""Tables of several readers: how far they agree, and the model beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from keras_cwp.report.tables import DETECTABLE, Table, detectable_text, interval_text, metric_text, p_text

_RATES = ("sensitivity", "specificity")
_TOGETHER = {
    "fleiss": "Fleiss' kappa",
    "alpha": "Krippendorff's alpha",
    "alpha_ordinal": "Krippendorff's alpha, ordinal",
    "alpha_interval": "Krippendorff's alpha, interval",
}
_KAPPAS = {"unweighted": "kappa", "linear": "linear kappa", "quadratic": "quadratic kappa"}


def agreement_table(readers: Mapping[str, Any]) -> Table | None:
    """Each pair of readers, and all of them together; None for one reader."""
    found = readers["agreement"]
    if found is None:
        return None
    kinds = [kind for kind in _KAPPAS if kind in found["pairs"][0]]
    header = ("readers", "ROIs", "same label", *(_KAPPAS[kind] for kind in kinds))
    rows = [
        (
            f"{pair['first']} and {pair['second']}",
            f"{pair['rois']:,}",
            metric_text(pair["agreement"]),
            *(metric_text(pair[kind]) for kind in kinds),
        )
        for pair in found["pairs"]
    ]
    rows += [
        (
            f"all {found['readers']}: {title}",
            f"{found['rois']:,}",
            "–",
            metric_text(found[key]),
            *["–"] * (len(kinds) - 1),
        )
        for key, title in _TOGETHER.items()
        if key in found
    ]
    note = "Held-out ROIs, 95 % intervals over patients. Fleiss' kappa: ROIs that all have read."
    return Table("reader_agreement", "Agreement of the readers", header, tuple(rows), note)


def beside_table(readers: Mapping[str, Any]) -> Table | None:
    """Each reader and the model on the same ROIs, and the readers' mean; None where nothing can be compared."""
    found = readers["beside"]
    if "reason" in found:
        return None
    rows = [row for title, compared in _figures(found) for row in _rows(title, compared)]
    note = (
        f"Truth: {found['truth']}. Difference: model minus reader. The mean of the readers: {found['method']}. "
        f"Single readers: by patients. {DETECTABLE}"
    )
    return Table("beside_readers", "The model beside the readers", _HEADER, tuple(rows), note)


_HEADER = ("figure", "reader", "ROIs", "reader's", "model's", "difference", "detectable", "p")


def why_not_beside(readers: Mapping[str, Any]) -> str | None:
    """Why the model is not compared with the readers, in a sentence."""
    reason = readers["beside"].get("reason")
    return None if reason is None else f"The model is not compared with the readers: {reason}."


def _figures(found: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "accuracy", found["accuracy"]
    for name, own in found["per_class"].items():
        if "reason" not in own:
            for side in _RATES:
                yield f"{side}, {name}", own[side]
    if found["auc"] is not None:
        yield "AUC of disease, by ratings", found["auc"]


def _rows(title: str, compared: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for reader, own in compared["readers"].items():
        if own["value"] is None:
            yield (title, reader, "0", *["–"] * 5)
            continue
        gap = own["difference"]
        yield (
            title,
            reader,
            f"{own['of']:,}",
            metric_text(own),
            metric_text(own["model"]),
            _gap(gap),
            detectable_text(gap),
            p_text(gap["p"]),
        )
    mean, gap = compared["mean"], compared["difference"]
    if gap["value"] is not None:
        figures = (f"{mean['readers']:.3f}", f"{mean['model']:.3f}")
        yield (title, "mean", "–", *figures, _gap(gap), detectable_text(gap), p_text(gap["p"]))


def _gap(gap: dict[str, Any]) -> str:
    return "–" if gap["value"] is None else f"{gap['value']:+.3f} {interval_text(gap)}"
