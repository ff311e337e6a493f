"""Delivery of answers to the page's readers, whose data is forgotten with the last message.

Gradio keeps the last answer of each of thousands of sessions, with the faces in it, and the names of sessions for ever,
for visitors who come back. The page has no use for that: `EventStreams` sends the messages of Gradio's queue in place
of Gradio's own stream and forgets the session with the last of them.
"""

from __future__ import annotations

import asyncio
import collections
import json
from typing import TYPE_CHECKING

from gradio.server_messages import CloseStreamMessage, EventMessage, HeartbeatMessage, ProcessCompletedMessage
from starlette.types import Receive, Send

from aletheia.inference.errors import RequestError
from aletheia.serving.web.uploads import UploadStore

if TYPE_CHECKING:
    from gradio import Blocks
    from gradio.queueing import Queue

_HEARTBEAT_SECONDS = 15.0  # of silence, after which a proxy might take the connection for dead
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStreams:
    """Streams of messages to the sessions that wait for an answer.

    Parameters
    ----------
    page : Blocks
        The messages are those of its queue.
    uploads : UploadStore
        Holds the files that sessions have handed in.
    listen_timeout : float
        Seconds after `register` in which a session must `listen`, or it is disconnected; the page does so at once.
    """

    def __init__(self, page: Blocks, uploads: UploadStore, listen_timeout: float = 30.0) -> None:
        self._page, self._uploads, self.listen_timeout = page, uploads, listen_timeout
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._replaced: dict[str, asyncio.Event] = {}  # of each listener; set when another takes its place
        self._tokens: dict[str, list[str]] = {}
        self._pending: collections.Counter[str] = collections.Counter()  # requests that are not in the queue yet

    def register(self, session: str, token: str) -> None:
        """Note that a session asks for the answer about a file; `enqueued` must follow."""
        self._pending[session] += 1
        self._tokens.setdefault(session, []).append(token)
        self._stop_timer(session)
        self._timers[session] = asyncio.create_task(self._disconnect_later(session))

    def enqueued(self, session: str) -> None:
        """Note that a request of a session is in Gradio's queue, or was refused."""
        self._pending[session] -= 1
        self._pending += collections.Counter()  # keeps those above zero

    async def listen(self, session: str, receive: Receive, send: Send) -> None:
        """Send a session the messages of Gradio's queue until all its requests are answered, or it disconnects.

        Of two listeners for one session, as when a phone changes its network and connects again, the later counts.

        Raises
        ------
        RequestError
            When it has requested nothing.
        """
        messages = self._queue.pending_messages_per_session.get(session)
        if messages is None:
            raise RequestError("not_found", "There is no answer to wait for; hand in a file first.")
        self._stop_timer(session)
        if session in self._replaced:
            self._replaced[session].set()
        replaced = self._replaced[session] = asyncio.Event()
        gone, answered = asyncio.create_task(_wait_until_gone(receive, replaced)), False
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            while not answered and (message := await _next_message(messages, gone)) is not None:
                answered = self._forget_if_last(session, message)
                await _send_message(send, message, more=True)
            await _send_message(send, CloseStreamMessage(), more=False)
        finally:
            gone.cancel()
            if self._replaced.get(session) is replaced:  # no other listener has taken over
                del self._replaced[session]
                if not answered:
                    await self.disconnect(session)

    async def disconnect(self, session: str) -> None:
        """Drop the waiting requests of a session, stop the running ones and forget all its data."""
        await self._queue.clean_events(session_hash=session)
        self._forget(session)

    @property
    def _queue(self) -> Queue:
        return self._page._queue

    def _stop_timer(self, session: str) -> None:
        if session in self._timers:
            self._timers.pop(session).cancel()

    async def _disconnect_later(self, session: str) -> None:
        await asyncio.sleep(self.listen_timeout)
        del self._timers[session]
        if session not in self._replaced:
            await self.disconnect(session)

    def _forget_if_last(self, session: str, message: EventMessage) -> bool:
        """Forget a session when this message ends its last request; returns whether it does.

        Called before the message is sent: afterwards the session may request something else.
        """
        if not isinstance(message, ProcessCompletedMessage):
            return False
        unanswered = self._queue.pending_event_ids_session.get(session, set())
        if message.event_id is not None:
            unanswered.discard(message.event_id)
        if unanswered or self._pending[session]:
            return False
        self._forget(session)
        return True

    def _forget(self, session: str) -> None:
        self._stop_timer(session)
        self._queue.pending_messages_per_session.pop(session, None)
        self._queue.pending_event_ids_session.pop(session, None)
        self._queue.event_analytics.clear()
        self._page.state_holder.session_data.pop(session, None)
        self._page.state_holder.time_last_used.pop(session, None)
        for token in self._tokens.pop(session, ()):
            self._uploads.discard(token)


async def _wait_until_gone(receive: Receive, replaced: asyncio.Event) -> None:
    """Return when the listener has disconnected, or another has taken its place."""

    async def disconnected() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    waits = [asyncio.ensure_future(disconnected()), asyncio.ensure_future(replaced.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _next_message(messages: asyncio.Queue[EventMessage], gone: asyncio.Task[None]) -> EventMessage | None:
    """Return the next message, a heartbeat when there is none for long, None when the listener is gone."""
    message = asyncio.ensure_future(messages.get())
    try:
        await asyncio.wait([message, gone], timeout=_HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            if message.done():  # it belongs to the listener that has taken over
                messages.put_nowait(message.result())
            return None
        return message.result() if message.done() else HeartbeatMessage()
    finally:
        message.cancel()


async def _send_message(send: Send, message: EventMessage, *, more: bool) -> None:
    body = f"data: {json.dumps(message.model_dump(), default=str)}\n\n".encode()
    await send({"type": "http.response.body", "body": body, "more_body": more})
