"""Read frames of a video: spread evenly over its duration, upright, with their time, as far as the stream is intact.

The file may be hostile. It is opened by this process and handed to FFmpeg as a stream of bytes: no protocol and no
playlist format is allowed, so that nothing in it can make FFmpeg open another file or address.
"""

from __future__ import annotations

import dataclasses
import math
import stat
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}


class UnreadableVideoError(InputError):
    """A video that cannot be used; ``reason`` is the message without the file's name."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.reason = reason


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """An upright frame of a video.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
    time : float
        Seconds since the video's beginning.
    """

    rgb: Array
    time: float


@dataclasses.dataclass(frozen=True)
class VideoProperties:
    """Properties that the container states: seconds (0 when unknown), pixels before any turn, format and codec."""

    duration: float
    width: int
    height: int
    format: str
    codec: str


def check_count(count: int) -> None:
    """Refuse, by InputError, a number of frames outside of 1 to 10,000."""
    if not 1 <= count <= 10_000:
        raise InputError(f"{count} frames a video were asked for; choose 1 to 10,000.")


def read_frames(
    source: str | Path | IO[bytes], count: int = 16, *, max_pixels: int | None = None, max_seconds: float = 60.0
) -> Iterator[Frame]:
    """Decode frames at the middles of `count` equally long parts of a video.

    Each is the frame displayed at that moment, also with a variable frame rate. Where the stream is broken, frames are
    missing; when two moments fall on one frame, it is yielded once.

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
        When the file is missing, empty, no video, of another container than MP4, MOV, MKV, WebM and AVI, has frames
        that are too large, or gives no frame at all.
    """
    check_count(count)
    limit = max_pixels or get_settings().max_pixels
    name = str(source) if isinstance(source, str | Path) else "the video"
    deadline = time.monotonic() + max_seconds
    any_frame = False
    with _Video(source, name, limit) as video:
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
    with _Video(source, name, max_pixels or get_settings().max_pixels) as video:
        return video.properties()


def _moments(start: float, end: float, count: int) -> list[float]:
    return [start + (end - start) * (i + 0.5) / count for i in range(count)]


class _Video:
    """An open video; exceptions of FFmpeg become an UnreadableVideoError."""

    def __init__(self, source: str | Path | IO[bytes], name: str, max_pixels: int) -> None:
        self.source, self.name, self.max_pixels = source, name, max_pixels
        self._own: IO[bytes] | None = None
        self._frames: Iterator[Any] = iter(())
        self._current: Any = None  # decoded and displayed
        self._next: Any = None  # decoded, to be displayed next

    def __enter__(self) -> _Video:
        import av

        av.logging.set_level(None)
        if isinstance(self.source, str | Path):
            try:
                if not stat.S_ISREG(Path(self.source).stat().st_mode):  # a pipe would block for ever
                    raise UnreadableVideoError(self.name, "is not a regular file")
                self._own = Path(self.source).open("rb")
            except UnreadableVideoError:
                raise
            except (OSError, ValueError) as error:
                raise UnreadableVideoError(
                    self.name, f"cannot be opened ({getattr(error, 'strerror', error)})"
                ) from None
        file = self._own or self.source
        try:
            self._container: Any = av.open(file, options=_OPTIONS, metadata_errors="replace")
        except (av.FFmpegError, ValueError, OSError, MemoryError) as error:
            self._close_own()
            raise UnreadableVideoError(
                self.name, f"is no video that can be read ({_first_line(error)}); MP4, MOV, MKV, WebM and AVI can"
            ) from None
        try:
            streams = self._container.streams.video
            if not streams:
                raise UnreadableVideoError(self.name, "has no picture, only sound or nothing")
            self._stream = streams[0]
            if self._stream.codec_context is None:
                raise UnreadableVideoError(self.name, "has a codec that is not known here")
            self._stream.thread_type = "NONE"  # processes share the cores already
            self._check_pixels(self._stream.codec_context.width, self._stream.codec_context.height)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()
        self._close_own()

    def _close_own(self) -> None:
        if self._own is not None:
            self._own.close()

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self.max_pixels:
            raise UnreadableVideoError(
                self.name, f"has frames of {width} x {height} pixels; at most {self.max_pixels:,} pixels are accepted"
            )

    def span(self) -> tuple[float, float]:
        """Find the first moment and the end in the stream's own time, seconds.

        Containers often state a wrong end or none; the packets behind the last key frame tell it. They are read, not
        decoded.
        """
        import av

        base = self._stream.time_base or Fraction(1, 1000)
        start = float((self._stream.start_time or 0) * base)
        stated = float((self._stream.duration or 0) * base), (self._container.duration or 0) / 1e6
        end = None
        try:
            far = start + max(*stated) + 3600
            self._container.seek(math.floor(far / base), stream=self._stream, backward=True)
            last, shortest = None, math.inf
            for packet in self._container.demux(self._stream):
                if packet.pts is not None:
                    last = max(last or packet.pts, packet.pts)
                    # Packets come in decoding order: with a variable frame rate their durations are not those of the
                    # displayed frames, but the shortest one is no overestimate.
                    shortest = min(shortest, packet.duration or shortest)
            if last is not None:
                end = float((last + (0 if math.isinf(shortest) else shortest)) * base)
        except (av.FFmpegError, OSError, ValueError, OverflowError):
            pass  # a truncated file
        return start, end if end is not None else start + max(*stated)

    def properties(self) -> VideoProperties:
        start, end = self.span()
        codec = self._stream.codec_context
        return VideoProperties(end - start, codec.width, codec.height, self._container.format.name, codec.name)

    def frames_at(self, moments: list[float], deadline: float) -> Iterator[Frame]:
        """Yield the frames displayed at these moments, in order, each once."""
        start = moments[0] - (moments[1] - moments[0]) / 2 if len(moments) > 1 else self.span()[0]
        previous: Any = None
        for moment in moments:
            frame = self._frame_at(moment, deadline)
            if time.monotonic() > deadline:
                return
            if frame is None or (previous is not None and frame.pts == previous.pts):
                continue
            previous = frame
            self._check_pixels(frame.width, frame.height)
            rgb = frame.to_ndarray(format="rgb24")
            turns = round((frame.rotation or 0) / 90) % 4  # counter-clockwise, as the container asks players to turn it
            yield Frame(np.ascontiguousarray(np.rot90(rgb, turns)), max(float(frame.time) - start, 0.0))

    def _frame_at(self, moment: float, deadline: float) -> Any:
        """Find the last frame that starts no later than the moment; the first one after it where there is none.

        Moments come in ascending order. A frame decoded before damage in the stream was met is still returned.
        """
        import av

        try:
            if not self._should_decode_on(moment):
                self._seek_before(moment)
            while time.monotonic() < deadline:
                if self._next is None:
                    self._next = next(self._frames, None)
                if self._next is None or self._next.time > moment:
                    break
                self._current, self._next = self._next, None
        except (av.FFmpegError, OSError, ValueError, MemoryError):
            self._frames = iter(())
        return self._current or self._next

    def _seek_before(self, moment: float) -> None:
        """Seek to the last key frame before the moment.

        Some containers seek by decoding time, which with a variable frame rate may be seconds off: when the first
        frame there comes too late, seek farther and farther back.
        """
        base = self._stream.time_base or Fraction(1, 1000)
        first = float((self._stream.start_time or 0) * base)
        for back in (0, 1, 4, 16, 64, math.inf):
            target = max(moment - back, min(first, 0))
            self._container.seek(math.floor(target / base), stream=self._stream, backward=True)
            self._frames, self._current = self._decode(), None
            self._next = next(self._frames, None)
            if (self._next is not None and self._next.time <= moment) or target <= first:
                return

    def _should_decode_on(self, moment: float) -> bool:
        """Tell whether decoding on costs no more than starting at the key frame before the moment."""
        if self._current is None:
            return False
        key = self._stream.index_entries.search_timestamp(
            math.floor(moment / (self._stream.time_base or Fraction(1, 1000)))
        )
        if key < 0:  # the container has no index
            return bool(moment - self._current.time < 2)
        return bool(self._stream.index_entries[key].timestamp <= (self._current.dts or self._current.pts))

    def _decode(self) -> Iterator[Any]:
        """Decode frames from here on; packets that cannot be decoded are skipped."""
        import av

        for packet in self._container.demux(self._stream):
            try:
                frames = packet.decode()
            except (av.InvalidDataError, av.PatchWelcomeError):
                continue
            yield from (frame for frame in frames if frame.time is not None and not frame.is_corrupt)


def _first_line(error: BaseException) -> str:
    return (str(getattr(error, "strerror", None) or error) or type(error).__name__).splitlines()[0][:120]
