"""keras-cwp predict with a server's address in place of a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from keras_cwp.data.annotations.roi import Roi
from keras_cwp.errors import DataError
from keras_cwp.scores import Scores


@dataclass(frozen=True)
class Remote:
    """What came of it; identity names the model and version that answered, lost counts regions left out."""

    regions: list[Roi]
    scores: Scores
    lost: int
    identity: str


def predict_remote(
    model: str,
    inputs: list[Path],
    out: Path,
    rois: Path | None,
    images: Path | None,
    requests: int,
    token_file: Path | None,
    tls_ca: Path | None,
    whole_image: bool,
) -> Remote:
    """Score on a server; TensorFlow is not imported."""
    from keras_cwp.cli.progress import progress_bar
    from keras_cwp.prediction.regions import find_regions
    from keras_cwp.serving.client.address import Credentials, parse_address
    from keras_cwp.serving.client.score import Pace, open_transport, score
    from keras_cwp.serving.token import read_token

    lost: list[int] = []

    def refuse(error: DataError, rows: int) -> None:
        lost.append(rows)
        click.echo(f"keras-cwp: left out: {' '.join(str(error).split())}", err=True)

    def note(line: str) -> None:
        click.echo(f"note: {line}", err=True)

    address = parse_address(model)
    credentials = Credentials(read_token(token_file) if token_file else "", tls_ca)
    regions = find_regions(inputs, rois, images, refuse, note)
    pace = Pace(requests=requests)
    transport = open_transport(address, credentials, pace.timeout_s)
    try:
        served = pace.retries.call(transport.describe)
        with progress_bar("regions") as progress:
            scores = score(
                transport,
                address,
                served,
                regions,
                out,
                pace=pace,
                whole_image=whole_image,
                note=note,
                refuse=refuse,
                progress=progress,
            )
    finally:
        transport.close()
    left_out = f", {sum(lost)} left out" if lost else ""
    click.echo(f"{out}: {len(scores)} regions scored{left_out} ({address}, version {served.version})")
    return Remote(regions, scores, sum(lost), f"model {address.model}, version {served.version}")
