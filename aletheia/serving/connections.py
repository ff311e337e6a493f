"""Connections that do not keep the service from answering others: few enough, and none that stays silent."""

from __future__ import annotations

import asyncio
import resource

from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD_SECONDS = 30.0  # in which a request's head must be there, once the connection is or the head has begun
_READ_SECONDS = 60.0  # in which something of an answer must be taken
_MANY = 4096


class Connection(H11Protocol):
    """A connection that is closed when its request does not come, its answer is not read, or there are too many."""

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, unless there are as many as there can be."""
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            transport.close()
        else:
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        """A part of a request."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head()
        else:
            self._stop_expecting()

    def pause_writing(self) -> None:
        """The other side reads more slowly than is written."""
        super().pause_writing()
        self._unread = self.loop.call_later(_READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read on."""
        self._stop_waiting()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._stop_expecting()
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _stop_expecting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_waiting(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


def most_connections() -> int:
    """How many connections there can be: half the files that this process may open are for everything else."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MANY if files == resource.RLIM_INFINITY else min(files // 2, _MANY)
