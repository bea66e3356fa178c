"""Data sets: draw phantoms, prepare crops, open and audit what was prepared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_cwp.api.progress import notes_to, progress_bar
from keras_cwp.config import Config, dotted_keys, load_config
from keras_cwp.data.prepared import PreparedData
from keras_cwp.errors import CwpError, DataError

if TYPE_CHECKING:
    from rich.console import Console

    from keras_cwp.audit.findings import Finding
    from keras_cwp.training.run import RunFolder

PathLike = Path | str
Source = PathLike | PreparedData
Settings = PathLike | Mapping[str, Any] | Config | None


def draw_phantoms(out: PathLike, patients: int = 60, seed: int = 0, **options: Any) -> Path:
    """Draw synthetic radiographs with and without opacities, for trying things out.

    Args:
        out: a new folder; gets images/ and rois.csv.
        patients: at least 6.
        options: as `keras_cwp.data.phantom.draw.draw_phantoms`: side_px, radiographs, rois.

    Returns:
        The path of rois.csv.

    Raises:
        CwpError: the folder exists, or too few patients.
    """
    from keras_cwp.data.phantom.draw import draw_phantoms as draw

    return draw(out, patients, seed, **options)


def prepare(
    rois: PathLike | Sequence[PathLike],
    images: PathLike,
    out: PathLike,
    *,
    config: Settings = None,
    table: Mapping[str, Any] | None = None,
    workers: int = 1,
    cluster: str | None = None,
    console: Console | None = None,
    **settings: Any,
) -> PreparedData:
    """Read radiographs and a ROI table, check everything, crop, and write a data set.

    Args:
        rois: CSV, COCO, LabelMe, VOC, YOLO, VIA or Label Studio; a file or a folder. Several: one a reader. What
            several readers marked is one ROI, whose label is the majority's unless the settings `ties` and `reference`
            say otherwise.
        images: folder that the image names are relative to.
        out: a new folder, or an earlier data set, which is replaced as a whole.
        config: a preset's name, a YAML file, a mapping or a Config; its section `data` counts.
        table: how to read `rois`, as keywords of `keras_cwp.data.annotations.read.read_rois`: patients (a CSV file of
            image and patient_id), patient_per_image (True: each image is another patient), labels (a YAML file that
            maps names in the annotations to classes), trust (whose patient counts), names_as_written, skip_bad,
            label_attribute, image_by.
        workers: processes that decode and crop. With more than one, a script calls this below
            `if __name__ == "__main__":`.
        cluster: `ray` or `ray:ADDRESS` (extra `cluster`): decode and crop on a Ray cluster instead, whose nodes have
            this package, and the radiographs at the same paths.
        console: prints notes and a progress bar; None prints nothing.
        settings: single keys of the configuration, such as image_size=160.

    Returns:
        The data set, opened.

    Raises:
        DataError: whatever is wrong with table, images, boxes or labels, with file and line.
        ConfigError: an unknown key, or a value out of range.
    """
    from keras_cwp.cluster import cluster_address, import_ray_data
    from keras_cwp.data.prepare import prepare as write

    address = None if cluster is None else cluster_address(cluster)
    if address is not None:
        import_ray_data()
    chosen = load_config(config, dotted_keys(settings)).data
    with progress_bar(console, "radiographs") as progress:
        return write(
            rois,
            images,
            out,
            chosen,
            **(table or {}),
            workers=workers,
            cluster=address,
            note=notes_to(console),
            progress=progress,
        )


def open_data(
    data: Source,
    images: PathLike | None = None,
    *,
    config: Settings = None,
    table: Mapping[str, Any] | None = None,
    console: Console | None = None,
    **settings: Any,
) -> PreparedData:
    """Open a prepared data set; or prepare a ROI table into the user's cache, once, and open that.

    Args:
        data: a folder that `prepare` wrote, a data set that is open already, or a ROI table.
        images: folder of the ROI table's radiographs.
        config, table, console, settings: for a ROI table; see `prepare`.

    Raises:
        DataError: neither, or damaged; or as `prepare`.
        CwpError: a ROI table without `images`, or `table` for a prepared data set.
    """
    if isinstance(data, PreparedData):
        return data
    path = Path(data)
    check_data(path, images is not None, table or {}, ("data", "images", "table"))
    if images is None:
        return PreparedData.open(path)
    from keras_cwp.data.prepare import prepare_cached

    chosen = load_config(config, dotted_keys(settings)).data
    with progress_bar(console, "radiographs") as progress:
        return prepare_cached(
            path, images, chosen, **(table or {}), workers=1, note=notes_to(console), progress=progress
        )


def check_data(path: Path, has_images: bool, table: Mapping[str, Any], names: tuple[str, str, str]) -> None:
    """Refuse what can be neither a prepared data set nor a ROI table; quick, before anything is imported.

    Args:
        names: what the caller calls the three arguments, for messages.

    Raises:
        DataError, CwpError: see `open_data`.
    """
    data, images, options = names
    if not path.exists():
        raise DataError(f"{data} {path}: no such file or folder")
    if not has_images and not path.is_dir():
        raise CwpError(f"{data} {path}: a ROI table needs {images}, the folder of its radiographs")
    given = [name for name, value in table.items() if value]
    if not has_images and given:
        option = f"--{given[0].replace('_', '-')}" if data.startswith("--") else f"{options}[{given[0]!r}]"
        raise CwpError(f"{option} is for a ROI table with {images}; {path} is prepared: leave {option} out")


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Args:
        findings: errors first, then warnings, then notes.
        verdict: the result in a sentence.
        page: audit.html; audit.json lies beside it.
    """

    findings: tuple[Finding, ...]
    verdict: str
    page: Path

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that make figures untrustworthy."""
        return tuple(finding for finding in self.findings if finding.level == "error")


def audit_data(data: Source, against: Source | None = None, *, folds: int = 5, out: PathLike | None = None) -> Audit:
    """Look in a prepared data set for what would spoil a result, and write a page.

    Args:
        against: a second data set, which must share neither patients nor pictures with the first.
        folds: of the cross-validation that is planned.
        out: folder for audit.html and audit.json; None: DATA_audit beside the data set.

    Raises:
        DataError: not a prepared data set.
        CwpError: the disk refuses.
    """
    from keras_cwp.audit.checks import audit
    from keras_cwp.report.audit_page import verdict, write_audit

    opened = open_data(data)
    findings = audit(opened, None if against is None else open_data(against), folds)
    home = opened.path.resolve()
    folder = Path(out) if out else home.with_name(f"{home.name}_audit")
    write_audit(findings, opened, folder, against is not None)
    return Audit(tuple(findings), verdict(findings), folder / "audit.html")


def data_of(run: RunFolder) -> PreparedData:
    """The data set that a run was made from.

    Raises:
        CwpError: it is not where it was, or another stands there.
    """
    path = Path(run.info["data"])
    if not path.is_dir():
        raise CwpError(f"{run.path}: its data set {path} is not there any more; prepare it again at that place")
    data = PreparedData.open(path)
    if data.content_hash != run.info["data_hash"]:
        raise CwpError(f"{run.path}: {path} holds another data set than the one of this run")
    return data
