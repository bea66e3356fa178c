"""Score regions on a server: read and ask with bounded concurrency, retry, and go on where a run stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.radiographs.notes import lines_of
from keras_cwp.data.radiographs.radiograph import read_radiograph
from keras_cwp.errors import CwpError, DataError, ServingError
from keras_cwp.prediction.decided import write_decided
from keras_cwp.prediction.scored import scores_of
from keras_cwp.scores import Scores
from keras_cwp.serving.client.address import Address, Credentials
from keras_cwp.serving.client.journal import Journal, Scored, key_of
from keras_cwp.serving.client.over_grpc import GrpcTransport
from keras_cwp.serving.client.over_http import HttpTransport
from keras_cwp.serving.client.rows import row_of
from keras_cwp.serving.client.transport import BAD_BOX, NO_BOX, OK, Reply, Retries, Row, Served, Transport

_ROWS = 8  # of a request
_BYTES = 8 * 2**20  # of a request, unless one row has more


@dataclass(frozen=True)
class Pace:
    """How hard a server is asked.

    Args:
        requests: at once.
        timeout_s: of one.
        retries: see there.
    """

    requests: int = 4
    timeout_s: float = 60.0
    retries: Retries = field(default_factory=Retries)


@dataclass(frozen=True, eq=False)
class Table:
    """What a server said of some regions.

    Args:
        scores: grouped by radiograph, in the order of the regions.
        members: bool [regions, classes], the set of each region; None where the model does not say.
        distance: float64 [regions], of each from the training data; None where the model does not say.
    """

    scores: Scores
    members: np.ndarray | None
    distance: np.ndarray | None


@dataclass
class _Outcome:
    """Of one piece of work: what was scored, and what was lost to which errors."""

    rows: list[tuple[Roi, Reply]] = field(default_factory=list)
    lost: list[tuple[DataError, int]] = field(default_factory=list)
    regions: int = 0
    scored_whole: int = 0
    said: dict[str, tuple[str, ...]] = field(default_factory=dict)  # notes on radiographs, by image


@dataclass(frozen=True)
class _Asked:
    """A server, and how it is asked; see `score`."""

    transport: Transport
    served: Served
    pace: Pace
    whole_image: bool

    def replies(self, rows: list[Row]) -> list[Reply]:
        """One a row, after retries."""
        return self.pace.retries.call(lambda: self.transport.ask(rows, self.served))

    def replies_of(self, request: list[tuple[Roi, Row]], outcome: _Outcome) -> list[Reply]:
        """The same; a region without a box is sent without one, so that the server can refuse it.

        Bundles of older versions know no missing box. They call it bad and are asked again for the whole image.
        """
        unstated = [roi.box is None and not self.whole_image for roi, _ in request]
        sent = [replace(row, box=NO_BOX) if bare else row for (_, row), bare in zip(request, unstated, strict=True)]
        replies = self.replies(sent)
        old = [place for place, bare in enumerate(unstated) if bare and replies[place].status == BAD_BOX]
        if old:
            again = self.replies([request[place][1] for place in old])
            for place, reply in zip(old, again, strict=True):
                replies[place] = reply
            outcome.scored_whole += len(old)
        return replies


def open_transport(address: Address, credentials: Credentials, timeout_s: float) -> Transport:
    """The API that the address names; nothing is sent yet."""
    kind = GrpcTransport if address.scheme.startswith("grpc") else HttpTransport
    return kind(address, credentials, timeout_s)


def score(
    transport: Transport,
    address: Address,
    served: Served,
    regions: list[Roi],
    out: Path,
    *,
    pace: Pace,
    whole_image: bool = False,
    note: Callable[[str], None] = lambda _: None,
    refuse: Callable[[DataError, int], None],
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Table:
    """Score regions and write the table; rows that an interrupted run of the same command left are not asked again.

    Args:
        served: what the transport described; all rows come from its version.
        out: the CSV; out.part holds what is scored until all is.
        whole_image: regions without a box are meant to be whole images; else a server whose model was trained on
            regions refuses them, one by one.
        note: gets a line where an older bundle scored images without a box, and one for each oddity of the radiographs.
        refuse: gets the error and the number of regions lost to it.
        progress: gets regions done and in all.

    Returns:
        What the table says.

    Raises:
        ServingError: the server refuses, or stays unavailable; the rows so far are kept.
        CwpError: none could be scored.
    """
    model = {"address": str(address), "version": served.version, "inputs": sorted(served.inputs)}
    journal = Journal(out, model)
    done = False
    try:
        left = [roi for roi in regions if key_of(roi) not in journal.found]
        finished = len(regions) - len(left)
        progress(finished, len(regions))
        scored_whole = 0
        said: dict[str, tuple[str, ...]] = {}
        for outcome in _outcomes(_Asked(transport, served, pace, whole_image), left):
            _note(outcome, journal, refuse)
            scored_whole += outcome.scored_whole
            said |= outcome.said
            finished += outcome.regions
            progress(finished, len(regions))
        if not journal.found:
            raise CwpError(f"none of {len(regions)} regions could be scored; {out} was not written")
        for line in lines_of(said):
            note(line)
        if scored_whole:
            note(f"images without a box: {scored_whole}; the bundle is of an older version, which scores them whole")
        table = _table(regions, journal)
        write_decided(out, table.scores, {}, table.members, table.distance)
        done = True
        return table
    finally:
        journal.close(done)


def _outcomes(asked: _Asked, regions: list[Roi]) -> Iterator[_Outcome]:
    """Outcomes as they come; no more pieces are read ahead than are asked at once."""
    pieces = iter(_pieces(regions))
    with ThreadPoolExecutor(asked.pace.requests, "client") as pool:

        def start(count: int) -> set[Future[_Outcome]]:
            return {pool.submit(_do, asked, piece) for piece in islice(pieces, count)}

        running = start(asked.pace.requests)
        try:
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
                running |= start(len(ended))
        finally:
            for future in running:
                future.cancel()


def _pieces(regions: list[Roi]) -> Iterator[list[tuple[Path, list[Roi]]]]:
    """Radiographs with their regions, together at least a request's worth."""
    by_file: dict[Path, list[Roi]] = {}
    for roi in regions:
        by_file.setdefault(roi.path, []).append(roi)
    piece: list[tuple[Path, list[Roi]]] = []
    for path, of_file in by_file.items():
        piece.append((path, of_file))
        if sum(len(rois) for _, rois in piece) >= _ROWS:
            yield piece
            piece = []
    if piece:
        yield piece


def _do(asked: _Asked, piece: list[tuple[Path, list[Roi]]]) -> _Outcome:
    outcome = _Outcome(regions=sum(len(rois) for _, rois in piece))
    for request in _requests(_rows(piece, "spacing_mm" in asked.served.inputs, outcome)):
        replies = asked.replies_of(request, outcome)
        outcome.rows += [(roi, reply) for (roi, _), reply in zip(request, replies, strict=True)]
    return outcome


def _rows(piece: list[tuple[Path, list[Roi]]], takes_spacing: bool, outcome: _Outcome) -> Iterator[tuple[Roi, Row]]:
    for path, rois in piece:
        try:
            radiograph = read_radiograph(path)
            outcome.said[rois[0].image] = radiograph.notes
        except DataError as error:
            outcome.lost.append((error, len(rois)))
            continue
        for roi in rois:
            try:
                yield roi, row_of(radiograph, roi, takes_spacing)
            except DataError as error:
                outcome.lost.append((error, 1))


def _requests(rows: Iterable[tuple[Roi, Row]]) -> Iterator[list[tuple[Roi, Row]]]:
    request: list[tuple[Roi, Row]] = []
    for each in rows:
        if len(request) == _ROWS or (request and sum(len(row.image) for _, row in [*request, each]) > _BYTES):
            yield request
            request = []
        request.append(each)
    if request:
        yield request


def _note(outcome: _Outcome, journal: Journal, refuse: Callable[[DataError, int], None]) -> None:
    good = [(roi, reply) for roi, reply in outcome.rows if reply.status == OK]
    for roi, reply in outcome.rows:
        if reply.status != OK:
            refuse(DataError(f"image {roi.path}: the server says: {reply.status}"), 1)
    for error, count in outcome.lost:
        refuse(error, count)
    for classes in {reply.classes for _, reply in good}:
        rows = [(roi, _checked(reply)) for roi, reply in good if reply.classes == classes]
        journal.add(rows, classes)


def _checked(reply: Reply) -> Scored:
    if not np.isfinite(reply.probabilities).all() or not reply.probabilities.sum() > 0:
        raise ServingError("the server answers with values that are no probabilities; its model is damaged")
    return Scored(reply.probabilities / reply.probabilities.sum(), reply.members, reply.distance)


def _table(regions: list[Roi], journal: Journal) -> Table:
    files = {path: number for number, path in enumerate(dict.fromkeys(roi.path for roi in regions))}
    kept = sorted((roi for roi in regions if key_of(roi) in journal.found), key=lambda roi: files[roi.path])
    found = [journal.found[key_of(roi)] for roi in kept]
    members = [each.members for each in found if each.members is not None]
    distances = [each.distance for each in found if each.distance is not None]
    return Table(
        scores_of(kept, journal.classes, np.stack([each.probabilities for each in found])),
        np.array(members, dtype=bool) if len(members) == len(found) else None,
        np.array(distances, dtype=np.float64) if len(distances) == len(found) else None,
    )
