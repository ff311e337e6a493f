"""Limits on connections: their number, and how long one may be silent or leave its answer unread."""

from __future__ import annotations

import asyncio
import resource

from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD_SECONDS = 30.0  # in which a request's head must be there, once the connection is or the head has begun
_READ_SECONDS = 60.0  # in which something of an answer must be taken
_MAX_CONNECTIONS = 4096


class Connection(H11Protocol):
    """HTTP connection that is closed when no request comes, its answer is not read, or there are too many of them."""

    _head_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, unless there are as many as there can be."""
        super().connection_made(transport)
        if len(self.connections) > max_connections():
            transport.close()
        else:
            self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        """Receive a part of a request."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._start_head_timer()
        else:
            self._stop_head_timer()

    def pause_writing(self) -> None:
        """Start the clock for a client that does not read its answer."""
        super().pause_writing()
        self._read_timer = self.loop.call_later(_READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the clock: the client reads again."""
        self._stop_read_timer()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks: the connection is closed."""
        self._stop_head_timer()
        self._stop_read_timer()
        super().connection_lost(exc)

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None


def max_connections() -> int:
    """Return how many connections there can be: half the files that this process may open, for the rest needs some."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(files // 2, _MAX_CONNECTIONS)
