"""keras-cwp predict with a server's address in place of a model."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from keras_cwp.errors import DataError


def predict_remote(
    model: str,
    inputs: list[Path],
    out: Path,
    rois: Path | None,
    images: Path | None,
    requests: int,
    token_file: Path | None,
    tls_ca: Path | None,
) -> None:
    """Score on a server; TensorFlow is not imported."""
    from keras_cwp.cli.progress import progress_bar
    from keras_cwp.serving.client.address import Credentials, parse_address
    from keras_cwp.serving.client.score import Pace, open_transport, score
    from keras_cwp.serving.regions import find_regions
    from keras_cwp.serving.token import read_token

    lost: list[int] = []

    def refuse(error: DataError, rows: int) -> None:
        lost.append(rows)
        click.echo(f"keras-cwp: left out: {' '.join(str(error).split())}", err=True)

    address = parse_address(model)
    credentials = Credentials(read_token(token_file) if token_file else "", tls_ca)
    regions = find_regions(inputs, rois, images)
    pace = Pace(requests=requests)
    transport = open_transport(address, credentials, pace.timeout_s)
    try:
        with progress_bar("regions") as progress:
            scores = score(transport, address, regions, out, pace=pace, refuse=refuse, progress=progress)
    finally:
        transport.close()
    click.echo(f"{out}: {len(scores)} regions scored" + (f", {sum(lost)} left out" if lost else "") + f" ({address})")
    if lost:
        sys.exit(1)
