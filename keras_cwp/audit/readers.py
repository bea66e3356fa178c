"""How far the readers of a data set agree, as findings of the audit."""

from __future__ import annotations

from typing import Any

from keras_cwp.audit.findings import Finding
from keras_cwp.config import EvaluateConfig
from keras_cwp.data.prepared import PreparedData
from keras_cwp.evaluation.readers import reader_agreement
from keras_cwp.wording import plural

AGREEMENT = "readers"
_POOR = 0.2  # Landis and Koch, Biometrics 33 (1977) 159-174: slight agreement ends here


def reader_findings(data: PreparedData) -> list[Finding]:
    """A line on all readers together and one for each pair; none where fewer than two readers are named."""
    if len(data.readers) < 2:
        return []
    found = reader_agreement(data.readings, data.patients, data.classes, EvaluateConfig(), readers=data.readers)
    alpha = found["alpha"]["value"]
    text = (
        f"{plural(len(data.readers), 'reader')} of {plural(len(data), 'ROI')}: Krippendorff's alpha "
        f"{_said(found['alpha'])}, Fleiss' kappa {_said(found['fleiss'])} (ROIs that all have read)"
    )
    poor = alpha is not None and alpha < _POOR
    findings = [Finding("warning" if poor else "note", AGREEMENT, text, len(data))]
    for pair in found["pairs"]:
        same = f"the same label on {_said(pair['agreement'])} of {plural(pair['rois'], 'ROI')}"
        who = f"{pair['first']} and {pair['second']}"
        findings.append(Finding("note", AGREEMENT, f"{who}: kappa {_said(pair['unweighted'])}, {same}", pair["rois"]))
    return findings


def _said(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return f"not defined ({figure['reason']})"
    limits = figure["ci95"]
    return f"{figure['value']:.2f}" + (f" [{limits[0]:.2f}, {limits[1]:.2f}]" if limits else "")
