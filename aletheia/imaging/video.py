"""Read frames of a video: spread evenly over its duration, as players show them, as far as the stream is intact."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings
from aletheia.imaging.video_stream import Video
from aletheia.imaging.video_types import Frame, UnreadableVideoError, VideoProperties

__all__ = ["Frame", "UnreadableVideoError", "VideoProperties", "check_count", "probe_video", "read_frames"]


def check_count(count: int) -> None:
    """Refuse, by InputError, a number of frames outside of 1 to 10,000."""
    if not 1 <= count <= 10_000:
        raise InputError(f"{count} frames a video were asked for; choose 1 to 10,000.")


def read_frames(
    source: str | Path | IO[bytes], count: int = 16, *, max_pixels: int | None = None, max_seconds: float = 60.0
) -> Iterator[Frame]:
    """Decode frames at the middles of `count` equally long parts of a video.

    Each is the frame displayed at that moment, also with a variable frame rate. Where the stream is broken, frames are
    missing; when two moments fall on one frame, it is yielded once. Frames are shown as players do: turned and mirrored
    by the display matrix, with square pixels, deinterlaced, and of high dynamic range tone-mapped. Of several streams
    the default one, else the largest, is the film; a cover picture never is. When the size of the frames changes in the
    middle, each has its own.

    Parameters
    ----------
    source
        A file, or an open one.
    count : int
        Frames at most, 1 to 10,000.
    max_pixels : int, optional
        Refuse larger frames; by default ``ALETHEIA_MAX_PIXELS``.
    max_seconds : float
        Computing time after which reading ends with the frames found so far: some files take hours by design.

    Yields
    ------
    Frame
        In the order of time.

    Raises
    ------
    UnreadableVideoError
        When the file is missing, empty, no video, of a container that is not read, has frames that are
        too large, or gives no frame at all.
    """
    check_count(count)
    limit = max_pixels or get_settings().max_pixels
    name = str(source) if isinstance(source, str | Path) else "the video"
    deadline = time.monotonic() + max_seconds
    any_frame = False
    with Video(source, name, limit) as video:
        for frame in video.frames_at(_moments(*video.span(), count), deadline):
            any_frame = True
            yield frame
    if not any_frame:
        raise UnreadableVideoError(name, "not one frame of it can be decoded")


def probe_video(source: str | Path | IO[bytes], *, max_pixels: int | None = None) -> VideoProperties:
    """Read the properties that the container states, without decoding the video.

    Raises
    ------
    UnreadableVideoError
        As `read_frames`, as far as can be seen without decoding.
    """
    name = str(source) if isinstance(source, str | Path) else "the video"
    with Video(source, name, max_pixels or get_settings().max_pixels) as video:
        return video.properties()


def _moments(start: float, end: float, count: int) -> list[float]:
    return [start + (end - start) * (i + 0.5) / count for i in range(count)]
