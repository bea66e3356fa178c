"""A model that a server holds, asked without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from keras_cwp.api.predictions import Predictions
from keras_cwp.api.progress import progress_bar
from keras_cwp.api.regions import Asking, Inputs, regions_of

if TYPE_CHECKING:
    import pandas as pd

PathLike = Path | str


class RemoteModel:
    """A model that a server holds; TensorFlow is not imported.

    Args:
        address: http://HOST:8501/v1/models/NAME or grpc://HOST:8500/NAME.
        token_file: file with the bearer token that the server asks for.
        tls_ca: certificates to trust, PEM.
        requests: at once.
    """

    def __init__(
        self, address: str, *, token_file: PathLike | None = None, tls_ca: PathLike | None = None, requests: int = 4
    ) -> None:
        from keras_cwp.serving.client.address import Credentials, parse_address
        from keras_cwp.serving.token import read_token

        self.address = parse_address(address)
        token = read_token(Path(token_file)) if token_file else ""
        self._credentials = Credentials(token, Path(tls_ca) if tls_ca else None)
        self._requests = requests

    def predict(self, inputs: Inputs, out: PathLike, **asking: Unpack[Asking]) -> pd.DataFrame:
        """As `Model.predict`; `out` gets the CSV, and OUT.part what is scored until all is."""
        return self.score(inputs, out, **asking).table

    def score(self, inputs: Inputs, out: PathLike, **asking: Unpack[Asking]) -> Predictions:
        """As `Model.score`; the same call goes on after an interruption.

        Raises:
            ServingError: the server refuses, or stays unavailable.
        """
        from keras_cwp.serving.client.score import Pace, open_transport, score

        regions, lost, note = regions_of(inputs, asking)
        pace = Pace(requests=self._requests)
        transport = open_transport(self.address, self._credentials, pace.timeout_s)
        try:
            served = pace.retries.call(transport.describe)
            with progress_bar(asking.get("console"), "regions") as progress:
                table = score(
                    transport,
                    self.address,
                    served,
                    regions,
                    Path(out),
                    pace=pace,
                    whole_image=asking.get("whole_image", False),
                    note=note,
                    refuse=lost,
                    progress=progress,
                )
        finally:
            transport.close()
        return Predictions(
            regions,
            table.scores,
            lost.count,
            f"model {self.address.model}, version {served.version}",
            f"{self.address}, version {served.version}",
            sets={} if table.members is None else table.members,
            distance=table.distance,
        )

    def __repr__(self) -> str:
        return f"RemoteModel({str(self.address)!r})"
