"""Process that decodes hostile files: ``python -m aletheia.serving.decode_worker DESCRIPTOR BYTES``.

It gets open files, never names; its memory and, for each task, its computing time are limited; when it dies, only the
file that killed it goes unanswered. It has neither the model nor the key of the service.
"""

from __future__ import annotations

import contextlib
import functools
import io
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
from aletheia.core.lifetime import end_with_peer
from aletheia.imaging.decoding import UnreadableImageError
from aletheia.imaging.metadata_removal import strip_metadata
from aletheia.imaging.reading import read_picture
from aletheia.serving.ipc import MAX_MESSAGE, ChannelError, anonymous_file, receive, send, shared_file, write

Request = dict[str, Any]
Result = tuple[dict[str, Any], Array | None]
#: A task gets the open file and the request; it yields messages, each with pixels or without.
Task = Callable[[IO[bytes], Request], Iterator[Result]]
# Enough for the formats that are read here.
_MAX_FILES = 64
_REUSED_FILE_BYTES = 32 << 20


class UnusableFileError(AletheiaError):
    """The file cannot be used; `kind` is one of `aletheia.inference.errors.STATUS`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def decode_image(content: IO[bytes], request: Request) -> Iterator[Result]:
    """Decode a picture: its pixels as viewers show them, and notes of what was done to read it."""
    try:
        picture = read_picture(content.read(), max_pixels=request["max_pixels"])
    except UnreadableImageError as error:
        if isinstance(error.__context__, MemoryError):
            raise MemoryError from None
        if "pixels" in error.reason:
            raise UnusableFileError("too_large", f"The picture {error.reason}. Send a smaller one.") from None
        kind = "unknown_format" if error.remedy.startswith("Formats read") else "bad_image"
        raise UnusableFileError(kind, f"The picture {error.reason}. {error.remedy}.") from None
    yield {"notes": picture.notes}, picture.rgb


def decode_video(content: IO[bytes], request: Request) -> Iterator[Result]:
    """Decode frames of a video, evenly spread, upright RGB."""
    from aletheia.imaging.video import UnreadableVideoError, probe_video, read_frames

    max_pixels, max_duration = request["max_pixels"], request["max_duration"]
    try:
        duration = probe_video(content, max_pixels=max_pixels).duration
        if not duration <= max_duration:
            raise UnusableFileError(
                "too_large", f"The video takes {duration:,.0f} seconds; send at most {max_duration:,.0f}."
            )
        content.seek(0)
        # Time is limited by the process's own limit and by the service, which waits only so long.
        for frame in read_frames(content, request["frames"], max_pixels=max_pixels, max_seconds=math.inf):
            yield {"time": frame.time, "notes": frame.notes, "more": True}, frame.rgb
    except UnreadableVideoError as error:
        kind = "too_large" if "pixels are accepted" in error.reason else "bad_video"
        raise UnusableFileError(kind, f"The video {error.reason}.") from None


def read_file_provenance(content: IO[bytes], request: Request) -> Iterator[Result]:
    """Read the file's own record of its origin."""
    from aletheia.serving.provenance import read_provenance

    message = {"value": read_provenance(content.read(), request["anchors"]).to_dict()}
    if len(json.dumps(message)) > MAX_MESSAGE // 2:
        raise UnusableFileError("too_large", "The file's record of its origin is too long to be shown.")
    yield message, None


def strip_picture(content: IO[bytes], request: Request) -> Iterator[Result]:
    """Decode a picture, then return its file without metadata, which decodes to the very same pixels."""
    data, limit = content.read(), request["max_pixels"]
    ((message, pixels),) = decode_image(io.BytesIO(data), request)
    yield {**message, "more": True}, pixels
    try:
        stripped = strip_metadata(data, max_pixels=limit)
        is_same = pixels is not None and np.array_equal(read_picture(stripped, max_pixels=limit).rgb, pixels)
    except InputError as error:
        raise UnusableFileError("bad_image", f"The picture cannot be kept: {error}") from None
    if not is_same:
        raise UnusableFileError("bad_image", "The picture cannot be kept: without metadata it would look different.")
    yield {}, np.frombuffer(stripped, np.uint8)


TASKS: Mapping[str, Task] = {
    "image": decode_image,
    "video": decode_video,
    "provenance": read_file_provenance,
    "strip": strip_picture,
}


def serve(link: socket.socket, tasks: Mapping[str, Task] = TASKS) -> None:
    """Carry out the requests of the other side until it is gone."""
    send(link, {"ready": True})
    while True:
        request, descriptor = receive(link)
        if descriptor is None:
            raise ChannelError("a request without a file")
        # The position in the file is shared with the sender, who has read its beginning.
        os.lseek(descriptor, 0, os.SEEK_SET)
        with os.fdopen(descriptor, "rb") as content:
            _carry_out(link, tasks[request["task"]], content, request)


def _carry_out(link: socket.socket, task: Task, content: IO[bytes], request: Request) -> None:
    limit_cpu(request["seconds"])
    try:
        for message, pixels in task(content, request):
            _send_result(link, message, pixels)
            if message.get("more"):
                receive(link)  # a request for the next one
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
    content = np.ascontiguousarray(pixels).data
    if content.nbytes <= _REUSED_FILE_BYTES:
        write(_reused_file(), content)
        send(link, {**message, "shape": pixels.shape}, _reused_file())
        return
    descriptor = shared_file(content)
    try:
        send(link, {**message, "shape": pixels.shape}, descriptor)
    finally:
        os.close(descriptor)


@functools.cache
def _reused_file() -> int:
    """Return the file for pictures of usual size, written again when the last was read: a new one would be slower."""
    return anonymous_file()


def limit_cpu(seconds: float) -> None:
    """Let the system end this process when it has computed for this time from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft, hard = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1, resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or soft < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def limit_resources(memory: int) -> None:
    """Limit this process's memory and open files, before it reads anything from outside."""
    with contextlib.suppress(ValueError, OSError):  # some systems have the limit and do not enforce it
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MAX_FILES, _MAX_FILES))


def main(tasks: Mapping[str, Task] = TASKS) -> None:
    """Carry out requests from the socket that was inherited."""
    link = socket.socket(fileno=int(sys.argv[1]))
    end_with_peer(link)
    limit_resources(int(sys.argv[2]))
    # Decoders' complaints about hostile files would fill the service's log.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    with contextlib.suppress(ChannelError):
        serve(link, tasks)


if __name__ == "__main__":
    main()
