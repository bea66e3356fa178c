"""From radiographs and ROIs to a prepared data set: check everything, then crop, then write."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from typing_extensions import Unpack

from keras_cwp.config import DataConfig
from keras_cwp.data import plan as planning
from keras_cwp.data.annotations.faults import Faults
from keras_cwp.data.annotations.options import TableOptions
from keras_cwp.data.annotations.read import Tables, paths_of, read_rois
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.consensus import with_consensus
from keras_cwp.data.cut import Crops, cut_all
from keras_cwp.data.grey_range import narrow_range_note
from keras_cwp.data.left_out import LeftOut, of_whom
from keras_cwp.data.picture import Picture
from keras_cwp.data.plan import Plan
from keras_cwp.data.prepared import FORMAT_VERSION, PreparedData, is_prepared
from keras_cwp.data.radiographs.notes import lines_of
from keras_cwp.data.radiographs.radiograph import read_bytes
from keras_cwp.data.write import counts_of, without_lost, write_crops, write_tables
from keras_cwp.errors import DataError
from keras_cwp.files import cache_folder, locked_folder, replaced_folder
from keras_cwp.wording import plural, verb


def _ignore(*_: object) -> None:
    """The default of `note` and `progress`."""


def prepare(
    rois: Tables,
    images: Path | str,
    out: Path | str,
    config: DataConfig | None = None,
    *,
    workers: int = 1,
    cluster: str | None = None,
    note: Callable[[str], None] = _ignore,
    progress: Callable[[int, int], None] = _ignore,
    **table: Unpack[TableOptions],
) -> PreparedData:
    """Write a prepared data set.

    Everything that can be checked without decoding pixels is checked before anything is written; `out` then
    appears whole, or is replaced whole.

    Args:
        rois: annotation file or folder, or several, one a reader; see `annotations.read_rois`.
        images: folder that the image names are relative to.
        out: a new folder, an empty one, or an earlier prepared data set, which is replaced; what did not change
            is taken over from it.
        workers: processes that decode and crop. With more than one, a script of yours that calls this must do so
            under `if __name__ == "__main__":`.
        cluster: address of a Ray cluster that decodes and crops instead; see `cluster.connected`. "": on this machine.
        note: gets one line for each thing worth knowing (boxes clipped, spacing missing).
        progress: gets radiographs done and in all.
        table: patients, patient_per_image, labels, trust, names_as_written, skip_bad, label_attribute and image_by,
            as `read_rois` explains them. `trust` may be "files" too: the PatientID of DICOM headers counts.

    Raises:
        DataError: whatever is wrong with table, images, boxes or labels, with file and line.
        CwpError: another process prepares into `out`, or the disk refuses.
    """
    _check_target(Path(out))
    left_out = LeftOut(note)
    return prepare_rois(
        read_rois(rois, images, note=left_out, **table),
        Path(out),
        config or DataConfig(),
        source=", ".join(map(str, paths_of(rois))),
        workers=workers,
        cluster=cluster,
        note=left_out.of_rois,
        progress=progress,
        finish=left_out.keep_in,
        **table,
    )


def prepare_rois(
    found: list[Roi],
    out: Path,
    config: DataConfig,
    *,
    source: str,
    workers: int = 1,
    cluster: str | None = None,
    note: Callable[[str], None] = _ignore,
    progress: Callable[[int, int], None] = _ignore,
    finish: Callable[[Path], None] = _ignore,
    **table: Unpack[TableOptions],
) -> PreparedData:
    """`prepare` from ROIs that were read already; `source` names their file in messages.

    Args:
        finish: gets the folder when it is complete, before it takes its place at `out`.
        table: trust, names_as_written and skip_bad count here.

    Raises:
        DataError: as `prepare`.
        CwpError: another process prepares into `out`, or the disk refuses.
    """
    with locked_folder(out):
        return _prepare(found, out, config, _Way(source, workers, note, progress, table, cluster, finish))


def prepare_cached(
    rois: Path | str,
    images: Path | str,
    config: DataConfig | None = None,
    *,
    workers: int = 1,
    note: Callable[[str], None] = _ignore,
    progress: Callable[[int, int], None] = _ignore,
    **table: Unpack[TableOptions],
) -> PreparedData:
    """Prepare into the user's cache, or open what an earlier call with the same input left there.

    The cache is `files.cache_folder`; the key is a hash over configuration, ROI table and the radiographs' bytes.
    Where another process prepares the same, this one waits for it.
    """
    config = config or DataConfig()
    left_out = LeftOut(note)
    found = read_rois(rois, images, note=left_out, **table)
    asked = {name: table.get(name) for name in ("trust", "names_as_written", "skip_bad")}
    digest = hashlib.sha256(f"{FORMAT_VERSION} {config.model_dump_json()} {asked}".encode())
    for roi in found:
        said = (roi.image, roi.patient_id, roi.label, roi.box, roi.roi_id, roi.extra, roi.readings)
        digest.update(repr(said).encode())
    for path in dict.fromkeys(roi.path for roi in found):
        digest.update(hashlib.sha256(read_bytes(path, config.max_pixels)).digest())
    out = cache_folder() / digest.hexdigest()[:32]
    if (data := _whole(out)) is not None:
        return data
    with locked_folder(out, wait=True):
        if (data := _whole(out)) is None:
            way = _Way(str(rois), workers, left_out.of_rois, progress, table, finish=left_out.keep_in)
            data = _prepare(found, out, config, way)
        return data


class _Way(NamedTuple):
    """How to prepare, the same through all steps: see `prepare`."""

    source: str
    workers: int
    note: Callable[[str], None]
    progress: Callable[[int, int], None]
    table: TableOptions
    cluster: str | None = None
    finish: Callable[[Path], None] = _ignore


def _prepare(found: list[Roi], out: Path, config: DataConfig, way: _Way) -> PreparedData:
    """`prepare_rois` while the caller holds the lock."""
    _check_target(out)
    before = _standing(out)
    found = with_consensus(found, config, way.source, way.note)
    faults = Faults(way.table.get("skip_bad", False), way.note)
    plan = _plan(found, config, way, faults)
    if config.image_size == "auto":
        room = f"; crops are stored at {plan.crop_size} px, with a margin for augmentation" if plan.margin else ""
        way.note(f"{way.source}: data.image_size auto is {plan.image_size} px{room}")
    config = config.model_copy(update={"image_size": plan.image_size})
    for line in plan.notes:
        way.note(line)
    if faults and not faults.skip:
        way.note(f"{way.source}: some entries cannot be used; the other radiographs are decoded to find all of them")
    said: dict[str, tuple[str, ...]] = {}

    def cut(plan: Plan) -> Iterator[tuple[Picture, Crops | DataError]]:
        return _noted(cut_all(plan, config, way.workers, _whole(out), way.progress, way.cluster), said)

    with replaced_folder(out) as folder:
        written = write_crops(folder, plan, cut(plan), config, faults)
        faults.settle(way.source)
        if written.lost:
            smaller = _plan([roi for roi in plan.rois if roi.image not in written.lost], config, way, faults)
            kept = without_lost(folder, plan, smaller, written)
            plan, written = smaller, kept or write_crops(folder, smaller, cut(smaller), config, faults)
            faults.settle(way.source)
        write_tables(folder, plan, written, config)
        for line in lines_of(said):
            way.note(f"{way.source}: {line}")
        kept_ids = {roi.roi_id for roi in plan.rois}
        if lost := [roi for roi in found if roi.roi_id not in kept_ids]:
            way.note(f"{way.source}: {plural(len(lost), 'ROI')} could not be used {of_whom(lost)}")
        way.finish(folder)
    patients = counts_of(plan)["patients"]
    del found, plan  # before as many rows of the manifest take their place
    data = PreparedData.open(out, verify=False)
    if before is not None and before.content_hash != data.content_hash:
        rois, people = (plural(before.meta["counts"][name], word) for name, word in _COUNTED)
        way.note(f"{out}: the data set that stood here ({rois} of {people}) was replaced by this one")
    if narrow := narrow_range_note(data):
        way.note(f"{way.source}: {narrow}")
    if linked := patients - data.meta["counts"]["patients"]:
        said_of = f"{plural(linked, 'patient')} {verb(linked, 'shares', 'share')}"
        way.note(f"{way.source}: {said_of} a picture or study with another and count as one with them")
    return data


def _noted(
    cut: Iterator[tuple[Picture, Crops | DataError]], said: dict[str, tuple[str, ...]]
) -> Iterator[tuple[Picture, Crops | DataError]]:
    """The same, while what is said of each radiograph is kept, besides what its header says, which was noted before."""
    for picture, crops in cut:
        if isinstance(crops, Crops):
            said[picture.image] = tuple(note for note in crops.notes if note not in picture.header.notes)
        yield picture, crops


def _plan(found: list[Roi], config: DataConfig, way: _Way, faults: Faults) -> Plan:
    return planning.make_plan(
        found,
        config,
        way.source,
        trust=way.table.get("trust"),
        names_as_written=way.table.get("names_as_written", False),
        faults=faults,
    )


def _check_target(out: Path) -> None:
    if out.exists() and not is_prepared(out) and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not a prepared data set; name another folder or remove it")


_COUNTED = (("rois", "ROI"), ("patients", "patient"))


def _standing(out: Path) -> PreparedData | None:
    """What is about to be replaced, its crops unread; None where nothing is, or nothing that can be read."""
    try:
        return PreparedData.open(out, verify=False) if is_prepared(out) else None
    except DataError:
        return None


def _whole(out: Path) -> PreparedData | None:
    """The data set that stands at `out`; None where there is none, or a damaged one."""
    try:
        return PreparedData.open(out) if is_prepared(out) else None
    except DataError:
        return None
