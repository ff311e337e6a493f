"""The process that decodes hostile files: ``python -m aletheia.serving.decode_worker DESCRIPTOR BYTES``.

It is given open files, never names; it has a limit on memory and, for each task, on computing time; when it dies, only
the file that killed it goes unanswered. It knows neither the model nor the key of the service.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import resource
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import AletheiaError, InputError
from aletheia.imaging.decoding import UnreadableImageError
from aletheia.imaging.reading import read_image
from aletheia.serving.ipc import MAX_MESSAGE, ChannelError, anonymous_file, receive, send, shared, write

Request = dict[str, Any]
#: A task gets the open file and the request; it yields messages, each with pixels or without.
Task = Callable[[IO[bytes], Request], Iterator[tuple[dict[str, Any], Array | None]]]
# Pillow and FFmpeg read hundreds of formats through libraries that keep a file or a pipe open; these do not.
_MAX_FILES = 64
_KEPT_BYTES = 32 << 20


class UnusableFileError(AletheiaError):
    """The file cannot be used; `kind` is one of `aletheia.inference.errors.STATUS`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def decode_image(content: IO[bytes], request: Request) -> Iterator[tuple[dict[str, Any], Array | None]]:
    """The pixels of a picture, upright RGB."""
    try:
        rgb = read_image(content.read(), max_pixels=request["max_pixels"])
    except UnreadableImageError as error:
        if isinstance(error.__context__, MemoryError):
            raise MemoryError from None
        if "pixels" in error.reason:
            raise UnusableFileError("too_large", f"The picture {error.reason}. Send a smaller one.") from None
        kind = "unknown_format" if error.remedy.startswith("Formats read") else "bad_image"
        raise UnusableFileError(kind, f"The picture {error.reason}. {error.remedy}.") from None
    yield {}, rgb


def decode_video(content: IO[bytes], request: Request) -> Iterator[tuple[dict[str, Any], Array | None]]:
    """Frames of a video, evenly spread, upright RGB."""
    from aletheia.imaging.video import UnreadableVideoError, probe_video, read_frames

    pixels, longest = request["max_pixels"], request["max_duration"]
    try:
        duration = probe_video(content, max_pixels=pixels).duration
        if not duration <= longest:
            raise UnusableFileError(
                "too_large", f"The video takes {duration:,.0f} seconds; send at most {longest:,.0f}."
            )
        content.seek(0)
        # The limit of time is that of the process and of the one who waits.
        for frame in read_frames(content, request["frames"], max_pixels=pixels, max_seconds=math.inf):
            yield {"time": frame.time, "more": True}, frame.rgb
    except UnreadableVideoError as error:
        kind = "too_large" if "pixels are accepted" in error.reason else "bad_video"
        raise UnusableFileError(kind, f"The video {error.reason}.") from None


def read_origin(content: IO[bytes], request: Request) -> Iterator[tuple[dict[str, Any], Array | None]]:
    """What the file says of its origin."""
    from aletheia.serving.provenance import provenance_of

    found = {"value": provenance_of(content.read(), request["anchors"])}
    if len(json.dumps(found)) > MAX_MESSAGE // 2:
        raise UnusableFileError("too_large", "What the file says of its origin is too long to be shown.")
    yield found, None


TASKS: Mapping[str, Task] = {"image": decode_image, "video": decode_video, "provenance": read_origin}


def serve(link: socket.socket, tasks: Mapping[str, Task] = TASKS) -> None:
    """Do what is asked until the other side is gone."""
    send(link, {"ready": True})
    while True:
        request, descriptor = receive(link)
        if descriptor is None:
            raise ChannelError("a request without a file")
        # The place in the file is shared with the sender, who has read its beginning.
        os.lseek(descriptor, 0, os.SEEK_SET)
        with os.fdopen(descriptor, "rb") as content:
            _do(link, tasks[request["task"]], content, request)


def _do(link: socket.socket, task: Task, content: IO[bytes], request: Request) -> None:
    limit_cpu(request["seconds"])
    try:
        for message, pixels in task(content, request):
            _send_result(link, message, pixels)
            if message.get("more"):
                receive(link)  # the next one is wanted
                limit_cpu(request["seconds"])
        if request["task"] == "video":
            send(link, {"done": True})
    except UnusableFileError as error:
        send(link, {"refused": error.kind, "message": str(error)})
    except InputError as error:
        send(link, {"refused": "bad_request", "message": str(error)})
    except MemoryError:
        send(link, {"refused": "memory"})


def _send_result(link: socket.socket, message: dict[str, Any], pixels: Array | None) -> None:
    if pixels is None:
        send(link, message)
        return
    content = memoryview(np.ascontiguousarray(pixels))
    if content.nbytes <= _KEPT_BYTES:
        write(_kept(), content)
        send(link, {**message, "shape": pixels.shape}, _kept())
        return
    descriptor = shared(content)
    try:
        send(link, {**message, "shape": pixels.shape}, descriptor)
    finally:
        os.close(descriptor)


@functools.cache
def _kept() -> int:
    """A file that is written again for every picture of usual size, after the last one was read: a new one takes longer
    than copying.
    """
    return anonymous_file()


def limit_cpu(seconds: float) -> None:
    """Let the system end this process when it has computed for so long from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft, hard = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1, resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or soft < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def confine(memory: int) -> None:
    """Limit this process's memory and open files, before it sees anything from outside."""
    with contextlib.suppress(ValueError, OSError):  # some systems know the limit and do not keep it
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MAX_FILES, _MAX_FILES))


def main(tasks: Mapping[str, Task] = TASKS) -> None:
    """Serve the socket that was inherited."""
    link = socket.socket(fileno=int(sys.argv[1]))
    confine(int(sys.argv[2]))
    # Decoders' complaints about hostile files would fill the service's log.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    with contextlib.suppress(ChannelError):
        serve(link, tasks)


if __name__ == "__main__":
    main()
