"""How a reader of the page hears of the answer, and how everything about the reader is forgotten with it.

Gradio keeps the last answer of each of thousands of visitors, with the faces in it, and the names of their sessions for
ever: for who comes back. Nobody can come back here, so `EventStreams` sends the messages of Gradio's queue in place of
Gradio's own stream and forgets the visitor with the last of them.
"""

from __future__ import annotations

import asyncio
import collections
import json
from typing import TYPE_CHECKING

from gradio.server_messages import CloseStreamMessage, EventMessage, HeartbeatMessage, ProcessCompletedMessage
from starlette.types import Receive, Send

from aletheia.inference.errors import RequestError
from aletheia.serving.web.uploads import Uploads

if TYPE_CHECKING:
    from gradio import Blocks
    from gradio.queueing import Queue

_BEAT_SECONDS = 15.0  # of silence, after which a proxy might take the connection for dead
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStreams:
    """Who waits for an answer of the page.

    Parameters
    ----------
    page : Blocks
        Whose queue answers.
    uploads : Uploads
        What they handed in.
    patience : float
        Seconds in which a reader has to come for the answer; the page comes at once.
    """

    def __init__(self, page: Blocks, uploads: Uploads, patience: float = 30.0) -> None:
        self._page, self._uploads, self.patience = page, uploads, patience
        self._awaited: dict[str, asyncio.Task[None]] = {}
        self._here: dict[str, asyncio.Event] = {}  # set when the one who listens must make room
        self._tokens: dict[str, list[str]] = {}
        self._joining: collections.Counter[str] = collections.Counter()

    def register(self, session: str, token: str) -> None:
        """A session asks about a file, until `enqueued`: it must listen soon, or is taken for gone."""
        self._joining[session] += 1
        self._tokens.setdefault(session, []).append(token)
        self._came(session)
        self._awaited[session] = asyncio.create_task(self._await(session))

    def enqueued(self, session: str) -> None:
        """What a session asked for is in Gradio's queue, or was refused."""
        self._joining[session] -= 1
        self._joining += collections.Counter()  # keeps those above zero

    async def listen(self, session: str, receive: Receive, send: Send) -> None:
        """Send a session the messages of Gradio's queue until all it asked for is answered, or it goes.

        Of two who listen for one session, as when a phone has changed its network and comes again, the later counts.

        Raises
        ------
        Refused
            When it has asked for nothing.
        """
        messages = self._queue.pending_messages_per_session.get(session)
        if messages is None:
            raise RequestError("not_found", "There is no answer to wait for; hand in a file first.")
        self._came(session)
        if session in self._here:
            self._here[session].set()
        own = self._here[session] = asyncio.Event()
        gone, answered = asyncio.create_task(_gone(receive, own)), False
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            while not answered and (message := await _next(messages, gone)) is not None:
                answered = self._was_last(session, message)
                await _tell(send, message, more=True)
            await _tell(send, CloseStreamMessage(), more=False)
        finally:
            gone.cancel()
            if self._here.get(session) is own:  # nobody has taken over
                del self._here[session]
                if not answered:
                    await self.disconnect(session)

    async def disconnect(self, session: str) -> None:
        """A reader has gone: what waits is dropped, what is under way ends, all is forgotten."""
        await self._queue.clean_events(session_hash=session)
        self._forget(session)

    @property
    def _queue(self) -> Queue:
        return self._page._queue

    def _came(self, session: str) -> None:
        if session in self._awaited:
            self._awaited.pop(session).cancel()

    async def _await(self, session: str) -> None:
        await asyncio.sleep(self.patience)
        del self._awaited[session]
        if session not in self._here:
            await self.disconnect(session)

    def _was_last(self, session: str, message: EventMessage) -> bool:
        """Whether this message ends all that the session has asked for, which is then forgotten.

        Before it is told so: then it may ask for something else.
        """
        if not isinstance(message, ProcessCompletedMessage):
            return False
        left = self._queue.pending_event_ids_session.get(session, set())
        left.discard(message.event_id)
        if left or self._joining[session]:
            return False
        self._forget(session)
        return True

    def _forget(self, session: str) -> None:
        self._came(session)
        self._queue.pending_messages_per_session.pop(session, None)
        self._queue.pending_event_ids_session.pop(session, None)
        self._queue.event_analytics.clear()
        self._page.state_holder.session_data.pop(session, None)
        self._page.state_holder.time_last_used.pop(session, None)
        for token in self._tokens.pop(session, ()):
            self._uploads.discard(token)


async def _gone(receive: Receive, replaced: asyncio.Event) -> None:
    """Comes to an end when the one who listens has gone, or another has taken over."""

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    both = [asyncio.ensure_future(left()), asyncio.ensure_future(replaced.wait())]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in both:
            one.cancel()


async def _next(messages: asyncio.Queue[EventMessage], gone: asyncio.Task[None]) -> EventMessage | None:
    """The next message, a sign of life when there is none for long, None when nobody listens any more."""
    coming = asyncio.ensure_future(messages.get())
    try:
        await asyncio.wait([coming, gone], timeout=_BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            if coming.done():  # it is for who has taken over
                messages.put_nowait(coming.result())
            return None
        return coming.result() if coming.done() else HeartbeatMessage()
    finally:
        coming.cancel()


async def _tell(send: Send, message: EventMessage, *, more: bool) -> None:
    body = f"data: {json.dumps(message.model_dump(), default=str)}\n\n".encode()
    await send({"type": "http.response.body", "body": body, "more_body": more})
