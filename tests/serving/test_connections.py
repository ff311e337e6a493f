"""Limits on connections, by themselves and in a running service."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import threading

import psutil
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


@pytest.mark.parametrize("begun", [b"", b"GET /readyz HTTP/1.1\r\nHo"])
def test_connection_without_request_closed(serving, monkeypatch, begun):
    with serving() as running:
        with running.connect() as used:
            used.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b" 200 " in used.recv(4096)
            monkeypatch.setattr("aletheia.serving.connections._HEAD_SECONDS", 0.5)
            with running.connect() as new:
                # Without a further request the first is kept, by uvicorn's own clock.
                for link in (new, used) if begun else (new,):
                    with contextlib.suppress(ConnectionError):  # it is closed already
                        link.sendall(begun)
                        while link.recv(4096):
                            pass  # closed by the service, else this would time out
        monkeypatch.undo()
        assert running.client.get("/readyz").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("reads", [True, False])
def test_connection_with_unread_answers_closed(serving, monkeypatch, until, reads):
    if not reads:
        monkeypatch.setattr("aletheia.serving.connections._READ_SECONDS", 0.5)
    count, request = 700, b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with serving() as running:
        size = len(running.client.get("/openapi.json").content)
        with running.connect() as link:
            sending = threading.Thread(target=_send, args=(link, request * count))
            sending.start()
            got = len(link.recv(1))
            if not reads:
                until(lambda: not _is_open(link))
            with contextlib.suppress(OSError):
                while got < size * count and (part := link.recv(1 << 20)):
                    got += len(part)
            link.close()
            sending.join()
        assert (got >= size * count) is reads
        assert running.client.get("/readyz").status_code == 200


def _is_open(link: socket.socket) -> bool:
    """Tell whether the service, which is in this process, still has its end of a connection."""
    return any(found.raddr == link.getsockname() for found in psutil.Process().net_connections("tcp"))


def _send(link: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        link.sendall(data)


def test_connections_limited(serving, monkeypatch):
    """Fewer than files can be opened: without a free descriptor no request could be answered."""
    monkeypatch.setattr("aletheia.serving.connections.max_connections", lambda: 3)
    with serving() as running, contextlib.ExitStack() as opened:
        links = [opened.enter_context(running.connect()) for _ in range(5)]
        for link in links:
            with contextlib.suppress(OSError):
                link.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answers = []
        for link in links:
            try:
                answers.append(link.recv(4096))
            except ConnectionResetError:
                answers.append(b"")
        assert sum(b" 200 " in answer for answer in answers) == 3
