"""HTTP connections on which a request's head does not arrive: uvicorn would keep them for ever. And those of TLS."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from keras_cwp.serving.server.wrong_scheme import speaks_tls


def bounded_protocol(head_s: float) -> type[H11Protocol]:
    """uvicorn's protocol, which gives up a connection that has waited for a whole head longer than `head_s`."""

    class Bounded(H11Protocol):
        _timer: asyncio.TimerHandle | None = None
        _begun = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            if not self._begun and speaks_tls(data):
                self.transport.close()
                return
            self._begun = True
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def _watch(self) -> None:
            at_work = self.cycle is not None and not self.cycle.response_complete
            if at_work:
                self._forget()
            elif self._timer is None:
                self._timer = self.loop.call_later(head_s, self._give_up)

        def _give_up(self) -> None:
            self._timer = None
            if self.cycle is None or self.cycle.response_complete:
                self.transport.close()

        def _forget(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return Bounded
