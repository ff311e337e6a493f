"""Limits on connections; their effect on a running service is tested in test_security."""

from __future__ import annotations

import asyncio
import resource

import pytest

from aletheia.serving import connections


@pytest.mark.parametrize(("files", "expected"), [(1000, 500), (100_000, 4096), (resource.RLIM_INFINITY, 4096)])
def test_max_connections(monkeypatch, files, expected):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (files, files))
    assert connections.max_connections() == expected


class Transport(asyncio.Transport):
    """Records how it was ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[str] = []

    def close(self) -> None:
        self.ended.append("closed")

    def abort(self) -> None:
        self.ended.append("aborted")


@pytest.mark.parametrize(("resumes", "expected"), [(True, []), (False, ["aborted"])])
def test_connection_read_timer(monkeypatch, resumes, expected):
    """A client that reads again in time keeps its connection."""
    import uvicorn
    from uvicorn.server import ServerState

    monkeypatch.setattr(connections, "_READ_SECONDS", 0.05)

    async def pause() -> list[str]:
        config, transport = uvicorn.Config(lambda scope: None), Transport()
        config.load()
        connection = connections.Connection(config, ServerState(), {})
        connection.connection_made(transport)
        connection.pause_writing()
        if resumes:
            connection.resume_writing()
        await asyncio.sleep(0.2)
        ended = list(transport.ended)
        connection.connection_lost(None)
        return ended

    assert asyncio.run(pause()) == expected
