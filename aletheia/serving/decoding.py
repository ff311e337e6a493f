"""Decoding of untrusted files in processes that may hang, exhaust memory or die without harm to the service."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.imaging.reading import Picture
from aletheia.imaging.video import Frame
from aletheia.inference.errors import STATUS, RequestError
from aletheia.inference.timing import Stages
from aletheia.serving.config import ServeConfig
from aletheia.serving.decode_process import COMMAND, DecodeProcess
from aletheia.serving.ipc import ChannelError, Source, open_source, read_into, receive, send

#: Files after which a process is replaced: libraries that decode leave some memory behind.
_MAX_USES = 1000
_GROWTH = 256  # bytes by which a file may grow without its metadata: the orientation is written anew


class Decoder:
    """Decodes pictures and videos in other processes. May be shared by threads; each call has a process to itself.

    Parameters
    ----------
    workers : int
        Processes that are kept ready; under more load there are more for a while.
    memory : int
        Address space of each, bytes.
    timeout : float
        Seconds for a picture, and for a frame.
    max_pixels : int
        Limit of a picture or frame; more are refused undecoded.
    max_duration : float
        Limit of a video, seconds.
    anchors : str
        PEM certificates, see `aletheia.serving.credentials.read_credentials`.
    command : sequence of str, optional
        Command to run; the descriptor of its socket and `memory` are appended.
    """

    def __init__(
        self,
        workers: int = 1,
        memory: int = 2 << 30,
        timeout: float = 20.0,
        *,
        max_pixels: int = 120_000_000,
        max_duration: float = 3600.0,
        anchors: str = "",
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._keep, self._memory, self._timeout, self._command = workers, memory, timeout, tuple(command)
        self._max_pixels, self._max_duration, self._anchors = max_pixels, max_duration, anchors
        self._lock = threading.Lock()
        self._closed = False
        self._idle = [DecodeProcess(self._command, memory) for _ in range(workers)]

    @classmethod
    def from_config(cls, config: ServeConfig) -> Decoder:
        """Create a decoder with the limits of a service."""
        return cls(
            config.workers,
            config.decode_memory_bytes,
            config.decode_timeout_s,
            max_pixels=config.max_pixels,
            max_duration=config.max_duration_s,
            anchors=config.trust_anchors,
        )

    def image(self, data: bytes, seconds: float = math.inf) -> Picture:
        """Decode a picture.

        Parameters
        ----------
        data : bytes
            Content of the file.
        seconds : float
            Time that the caller can wait, if less than the decoder's own limit.

        Raises
        ------
        RequestError
            When it is no picture, too large, or takes too long or too much memory.
        """
        with self._task("image", data, seconds) as task:
            message = task.reply()
            return Picture(task.pixels(message), task.notes(message))

    def video(self, source: Source, frames: int, stages: Stages | None = None) -> Iterator[Frame]:
        """Decode frames of a video, evenly spread; while one is being used, the next is decoded.

        Parameters
        ----------
        source : path, bytes or open file
            The video.
        frames : int
            Number of frames, at most.
        stages : Stages, optional
            The clock of the request: its limit is checked before each frame, and waiting counts as decoding.

        Raises
        ------
        RequestError
            When it is no video, too large or too long, or takes too long or too much memory.
        """
        stages = stages or Stages()
        with self._task("video", source, stages.left(), frames=frames, max_duration=self._max_duration) as task:
            while True:
                stages.check()
                with stages.stage("decode"):
                    message = task.reply()
                    if message.get("done"):
                        return
                    frame = Frame(task.pixels(message), task.number(message, "time"), task.notes(message))
                    task.request_next()
                yield frame

    def provenance(self, data: bytes) -> dict[str, Any]:
        """Read the file's own record of its origin, see `aletheia.serving.provenance.Provenance.to_dict`.

        Raises
        ------
        RequestError
            When reading it takes too long or too much memory.
        """
        with self._task("provenance", data, math.inf, anchors=self._anchors) as task:
            value = task.reply().get("value")
            if not isinstance(value, dict):
                raise ChannelError("no object")
            return value

    def stripped(self, data: bytes, seconds: float = math.inf) -> tuple[Picture, bytes]:
        """Decode a picture, and return with it the file without metadata, as it can be kept.

        Raises
        ------
        RequestError
            As `image`; also when its format or structure does not allow to take the metadata out, see
            `aletheia.imaging.metadata_removal`.
        """
        with self._task("strip", data, seconds) as task:
            message = task.reply()
            picture = Picture(task.pixels(message), task.notes(message))
            task.request_next()
            return picture, task.content(task.reply(), len(data) + _GROWTH)

    def close(self) -> None:
        """End the processes that are idle; those at work end with their task."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for worker in idle:
            worker.kill()

    @contextlib.contextmanager
    def _task(self, name: str, source: Source, seconds: float, **more: Any) -> Iterator[_Task]:
        """Give a file to a process, which is used again only when nothing went wrong."""
        noun, kind = ("video", "bad_video") if name == "video" else ("picture", "bad_image")
        limit = max(min(self._timeout, seconds), 0.0)
        worker = self._acquire()
        task, reusable = _Task(worker.link, limit, self._max_pixels), False
        try:
            worker.wait_until_ready()
            with open_source(source) as descriptor:
                request = {"task": name, "seconds": limit, "max_pixels": self._max_pixels, **more}
                send(worker.link, request, descriptor)
            yield task
            reusable = task.finished
        except RequestError:
            reusable = task.finished
            raise
        except TimeoutError:
            if limit < self._timeout:
                raise RequestError("timeout", "The time for this request was up while the file was decoded.") from None
            raise RequestError(
                kind, f"Decoding the {noun} took longer than {self._timeout:g} seconds; save it anew or reduce it."
            ) from None
        except ChannelError:
            raise RequestError(
                kind, f"The {noun} made its decoder fail: it is damaged, or was made to do harm."
            ) from None
        finally:
            task.close()
            self._release(worker, reusable)

    def _acquire(self) -> DecodeProcess:
        with self._lock:
            if self._closed:
                raise RequestError("not_ready", "The service is shutting down; try again in a moment.", retry_after=5)
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive():
                    return worker
                worker.kill()
        return DecodeProcess(self._command, self._memory)

    def _release(self, worker: DecodeProcess, reusable: bool) -> None:
        worker.uses += 1
        if not reusable or worker.uses >= _MAX_USES:
            worker.kill()
            worker = DecodeProcess(self._command, self._memory)  # ready by the time it is needed
        with self._lock:
            if not self._closed and len(self._idle) < self._keep:
                self._idle.append(worker)
                return
        worker.kill()


class _Task:
    """The answers of a process about one file."""

    def __init__(self, link: socket.socket, seconds: float, max_pixels: int) -> None:
        self._link, self._seconds, self._max_pixels = link, seconds, max_pixels
        self._descriptor: int | None = None
        self.finished = False

    def reply(self) -> dict[str, Any]:
        """Receive the next message; RequestError when the process could not use the file."""
        self.close()
        message, self._descriptor = receive(self._link, self._seconds)
        self.finished = not message.get("more")
        if "refused" not in message:
            return message
        kind, text = message["refused"], message.get("message")
        if kind == "memory":
            self.finished = False  # its remaining memory may not suffice for the next file
            raise RequestError("too_large", "Decoding this needs more memory than is available; send a smaller one.")
        if kind not in STATUS or not isinstance(text, str):
            raise ChannelError("an unknown refusal")
        raise RequestError(kind, text[:1000])

    def request_next(self) -> None:
        """Let the process go on with the next frame."""
        send(self._link, {"next": True})

    def pixels(self, message: dict[str, Any]) -> Array:
        """Return the pixels (H, W, 3) uint8 that came with a message."""
        shape = message.get("shape")
        if not isinstance(shape, list) or len(shape) != 3 or not all(type(n) is int and n > 0 for n in shape):
            raise ChannelError("no picture")
        if shape[2] != 3 or shape[0] * shape[1] > self._max_pixels or self._descriptor is None:
            raise ChannelError("no picture")
        rgb = np.empty(shape, np.uint8)
        read_into(self._descriptor, rgb.data.cast("B"))
        self.close()
        return rgb

    def content(self, message: dict[str, Any], most: int) -> bytes:
        """Return the bytes that came with a message, at most so many."""
        shape = message.get("shape")
        if not isinstance(shape, list) or len(shape) != 1 or type(shape[0]) is not int or not 0 < shape[0] <= most:
            raise ChannelError("no content")
        if self._descriptor is None:
            raise ChannelError("no content")
        content = bytearray(shape[0])
        read_into(self._descriptor, memoryview(content))
        self.close()
        return bytes(content)

    @staticmethod
    def number(message: dict[str, Any], name: str) -> float:
        """Return a finite number of a message."""
        value = message.get(name)
        if not isinstance(value, float | int) or not math.isfinite(value):
            raise ChannelError(f"no {name}")
        return float(value)

    @staticmethod
    def notes(message: dict[str, Any]) -> tuple[str, ...]:
        """Return the notes of a message, few and short."""
        notes = message.get("notes", [])
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            raise ChannelError("no notes")
        return tuple(note[:300] for note in notes[:8])

    def close(self) -> None:
        """Close the file that came with the last message."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
