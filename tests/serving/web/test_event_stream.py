"""Streams of messages: their order, their end, and that sessions are forgotten."""

from __future__ import annotations

import asyncio
import collections
import json
from types import SimpleNamespace

import pytest

from aletheia.inference.errors import RequestError

from ...waiting import PATIENCE
from .mounted_page import become


class Queue:
    """The part of Gradio's queue that streams use."""

    def __init__(self) -> None:
        self.pending_messages_per_session: dict[str, asyncio.Queue] = {}
        self.pending_event_ids_session: dict[str, set[str]] = collections.defaultdict(set)
        self.event_analytics: dict[str, object] = {"event": object()}
        self.cleaned: list[str] = []

    async def clean_events(self, *, session_hash: str) -> None:
        self.cleaned.append(session_hash)


class Page:
    """A page with this queue, its uploads, and a stream of messages to one client."""

    def __init__(self, listen_timeout: float = 30.0) -> None:
        from aletheia.serving.web.event_stream import EventStreams  # imports Gradio, which takes seconds

        self.queue, self.discarded, self.sent = Queue(), [], []
        self.state = SimpleNamespace(session_data={}, time_last_used={})
        blocks = SimpleNamespace(_queue=self.queue, state_holder=self.state)
        uploads = SimpleNamespace(discard=self.discarded.append)
        self.streams = EventStreams(blocks, uploads, listen_timeout)
        self.left = asyncio.Event()

    def request(self, session: str, event: str, token: str) -> asyncio.Queue:
        """Ask about a file, up to its place in Gradio's queue; returns the queue of messages."""
        self.streams.register(session, token)
        messages = self.queue.pending_messages_per_session.setdefault(session, asyncio.Queue())
        self.queue.pending_event_ids_session[session].add(event)
        self.state.session_data[session] = self.state.time_last_used[session] = "data"
        self.streams.enqueued(session)
        return messages

    async def receive(self) -> dict:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict) -> None:
        if body := message.get("body"):
            self.sent.append(json.loads(body.decode().removeprefix("data: ")))

    def remains(self, session: str) -> bool:
        return session in {
            *self.queue.pending_messages_per_session,
            *self.queue.pending_event_ids_session,
            *self.state.session_data,
            *self.state.time_last_used,
            *self.streams._timers,
            *self.streams._replaced,
            *self.streams._tokens,
        }


def message(kind: str, event: str) -> object:
    from gradio.server_messages import ProcessCompletedMessage, ProcessGeneratingMessage

    cls = {"completed": ProcessCompletedMessage, "generating": ProcessGeneratingMessage}[kind]
    return cls(event_id=event, output={"data": [event]}, success=True)


def test_listen_sends_in_order_and_forgets():
    async def run() -> None:
        page = Page()
        messages = page.request("s", "one", "token 1")
        page.request("s", "two", "token 2")
        for item in (message("generating", "one"), message("completed", "one"), message("completed", "two")):
            messages.put_nowait(item)
        await page.streams.listen("s", page.receive, page.send)
        kinds = [(sent["msg"], sent["event_id"]) for sent in page.sent]
        assert kinds == [
            ("process_generating", "one"),
            ("process_completed", "one"),
            ("process_completed", "two"),
            ("close_stream", None),
        ]
        assert not page.remains("s") and page.discarded == ["token 1", "token 2"]
        assert not page.queue.event_analytics and page.queue.cleaned == []

    asyncio.run(run())


def test_listen_waits_for_request_that_is_not_enqueued():
    """The stream stays open between `register` and `enqueued` of another request."""

    async def run() -> None:
        page = Page()
        messages = page.request("s", "one", "a")
        page.streams.register("s", "b")
        messages.put_nowait(message("completed", "one"))
        listening = asyncio.create_task(page.streams.listen("s", page.receive, page.send))
        await asyncio.sleep(0.05)
        assert not listening.done() and page.remains("s")
        page.streams.enqueued("s")
        messages.put_nowait(message("completed", "two"))
        await asyncio.wait_for(listening, PATIENCE)
        assert page.sent[-1]["msg"] == "close_stream" and not page.remains("s")

    asyncio.run(run())


def test_listen_disconnected():
    async def run() -> None:
        page = Page()
        page.request("s", "one", "token")
        page.left.set()
        await page.streams.listen("s", page.receive, page.send)
        assert page.queue.cleaned == ["s"] and page.discarded == ["token"] and not page.remains("s")

    asyncio.run(run())


def test_listen_without_request():
    async def run() -> None:
        page = Page()
        with pytest.raises(RequestError, match="no answer to wait for"):
            await page.streams.listen("unknown", page.receive, page.send)
        assert not page.remains("unknown")

    asyncio.run(run())


def test_listen_heartbeat(monkeypatch):
    monkeypatch.setattr("aletheia.serving.web.event_stream._HEARTBEAT_SECONDS", 0.02)

    async def run() -> None:
        page = Page()
        messages = page.request("s", "one", "token")
        listening = asyncio.create_task(page.streams.listen("s", page.receive, page.send))
        await become(lambda: page.sent)
        messages.put_nowait(message("completed", "one"))
        await listening
        kinds = [sent["msg"] for sent in page.sent]
        assert kinds[0] == "heartbeat" and kinds[-2:] == ["process_completed", "close_stream"]

    asyncio.run(run())


def test_register_without_listener():
    async def run() -> None:
        page = Page(listen_timeout=0.05)
        page.request("s", "one", "token")
        assert page.remains("s")
        await become(lambda: not page.remains("s"))
        assert page.queue.cleaned == ["s"] and page.discarded == ["token"]

    asyncio.run(run())
