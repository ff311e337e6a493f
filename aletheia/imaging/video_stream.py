"""An open video file: which of its streams is the film, how long it is, and the frame at a moment.

The file may be hostile. It is opened by this process and handed to FFmpeg as a stream of bytes: no protocol and no
playlist format is allowed, so that nothing in it can make FFmpeg open another file or address.
"""

from __future__ import annotations

import math
import stat
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from aletheia.imaging.media_types import HEAD_BYTES, VIDEO_FORMATS, begins_as_video, describe_format
from aletheia.imaging.video_display import Display
from aletheia.imaging.video_types import Frame, UnreadableVideoError, VideoProperties

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,asf,flv,mpeg,ogg"
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}
# Formats that are searched by time: a seek leads to any frame, not to a key frame.
_UNINDEXED = ("mpegts", "mpeg")
_TAIL_SECONDS = 5.0  # of such a format that are read to find its end
_STILLS = ("png", "bmp", "webp", "tiff", "gif")  # codecs of cover pictures


def choose_stream(streams: Any) -> Any:
    """Choose the stream that players show: the default one, of several the largest; never a cover picture.

    None when there is none but covers.
    """
    from av.stream import Disposition

    films = [stream for stream in streams if not stream.disposition & Disposition.attached_pic]

    def rank(stream: Any) -> tuple[bool, bool, bool, int]:
        codec = stream.codec_context
        if codec is None:
            return (False, False, False, 0)
        moves = stream.frames != 1 and codec.name not in _STILLS
        return (True, moves, bool(stream.disposition & Disposition.default), codec.width * codec.height)

    return max(films, key=rank, default=None)  # the first one of equals


class Video:
    """An open video; exceptions of FFmpeg become an UnreadableVideoError."""

    def __init__(self, source: str | Path | IO[bytes], name: str, max_pixels: int) -> None:
        self.source, self.name, self.max_pixels = source, name, max_pixels
        self._file: Any = None
        self._own: IO[bytes] | None = None
        self._frames: Iterator[Any] = iter(())
        self._before: Any = None  # displayed before the current one
        self._current: Any = None  # decoded and displayed
        self._next: Any = None  # decoded, to be displayed next
        self._in_sequence = False

    def __enter__(self) -> Video:
        import av

        av.logging.set_level(None)
        if isinstance(self.source, str | Path):
            self._own = self._open_file(Path(self.source))
        self._file = self._own or self.source
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()
        self._close_own()

    def _open_file(self, path: Path) -> IO[bytes]:
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # a pipe would block for ever
                raise UnreadableVideoError(self.name, "is not a regular file")
            return path.open("rb")
        except UnreadableVideoError:
            raise
        except (OSError, ValueError) as error:
            raise UnreadableVideoError(self.name, f"cannot be opened ({getattr(error, 'strerror', error)})") from None

    def _open(self) -> None:
        import av

        self._file.seek(0)
        try:
            self._container: Any = av.open(self._file, options=_OPTIONS, metadata_errors="replace")
        except (av.FFmpegError, ValueError, OSError, MemoryError) as error:
            reason = self._why_not_opened(error)
            self._close_own()
            raise UnreadableVideoError(self.name, reason) from None
        try:
            self._prepare()
        except BaseException:
            self.__exit__()
            raise

    def _why_not_opened(self, error: BaseException) -> str:
        try:
            self._file.seek(0)
            head = self._file.read(HEAD_BYTES)
        except (OSError, ValueError):
            head = b""
        kind = "" if begins_as_video(head) else describe_format(head)
        return f"is no video that can be read ({kind or _first_line(error)}); {VIDEO_FORMATS} can"

    def _prepare(self) -> None:
        streams = self._container.streams.video
        stream = choose_stream(streams)
        if stream is None:
            what = "only a cover picture" if streams else "only sound or nothing"
            raise UnreadableVideoError(self.name, f"has no picture, {what}")
        if stream.codec_context is None:
            raise UnreadableVideoError(self.name, "has a codec that is not known here")
        self._stream = stream
        stream.thread_type = "NONE"  # processes share the cores already
        self._check_pixels(stream.codec_context.width, stream.codec_context.height)
        self._display = Display(stream, self.max_pixels)

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
            far = start + max(*stated) + (3600 if self._is_indexed() else -_TAIL_SECONDS)
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
        """Return what the container states."""
        start, end = self.span()
        codec = self._stream.codec_context
        return VideoProperties(end - start, codec.width, codec.height, self._container.format.name, codec.name)

    def frames_at(self, moments: list[float], deadline: float) -> Iterator[Frame]:
        """Yield the frames displayed at these moments, in order, each once."""
        start = moments[0] - (moments[1] - moments[0]) / 2 if len(moments) > 1 else self.span()[0]
        self._start_sequence()
        previous: Any = None
        for moment in moments:
            frame = self._frame_at(moment, deadline)
            if time.monotonic() > deadline:
                return
            if frame is None or (previous is not None and frame.pts == previous.pts):
                continue
            previous = frame
            self._check_pixels(frame.width, frame.height)
            rgb, notes = self._display.show(frame, self._before, self._next if frame is self._current else None)
            yield Frame(rgb, max(float(frame.time) - start, 0.0), notes)

    def _start_sequence(self) -> None:
        """Begin anew with a stream of palettes: they come with its first packets alone, so nothing may be skipped."""
        if self._stream.codec_context.pix_fmt == "pal8":
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Open the file again, to decode it from its beginning on without a seek."""
        self._container.close()
        self._open()
        self._frames, self._before, self._current, self._next = self._decode(), None, None, None
        self._in_sequence = True

    def _is_indexed(self) -> bool:
        return self._container.format.name not in _UNINDEXED

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
                self._before, self._current, self._next = self._current, self._next, None
        except (av.FFmpegError, OSError, ValueError, MemoryError):
            self._frames = iter(())
        return self._current or self._next

    def _seek_before(self, moment: float) -> None:
        """Seek to the last key frame before the moment.

        Some containers seek by decoding time, which with a variable frame rate may be seconds off, and some to any
        frame: when the first key frame there comes too late, seek farther and farther back.
        """
        base = self._stream.time_base or Fraction(1, 1000)
        first = float((self._stream.start_time or 0) * base)
        for back in (0, 1, 4, 16, 64, math.inf):
            target = max(moment - back, min(first, 0))
            if target <= first and not self._is_indexed():
                self._begin_anew()
                return
            self._container.seek(math.floor(target / base), stream=self._stream, backward=True)
            self._frames = self._decode(None if self._is_indexed() else moment / base)
            self._before, self._current, self._next = None, None, next(self._frames, None)
            if (self._next is not None and self._next.time <= moment) or target <= first:
                return

    def _should_decode_on(self, moment: float) -> bool:
        """Tell whether decoding on costs no more than starting at the key frame before the moment."""
        if self._in_sequence:
            return True
        if self._current is None:
            return False
        key = self._stream.index_entries.search_timestamp(
            math.floor(moment / (self._stream.time_base or Fraction(1, 1000)))
        )
        if key < 0:  # the container has no index
            return bool(moment - self._current.time < 2)
        return bool(self._stream.index_entries[key].timestamp <= (self._current.dts or self._current.pts))

    def _decode(self, latest_key: Fraction | float | None = None) -> Iterator[Any]:
        """Decode frames from here on; packets that cannot be decoded are skipped.

        With `latest_key`, in units of the stream's time base, only from a key frame on that comes no later: what stands
        before one refers to frames that were not decoded.
        """
        import av

        for packet in self._container.demux(self._stream):
            if latest_key is not None:
                if packet.pts is not None and packet.pts > latest_key:
                    return
                if not packet.is_keyframe:
                    continue
                latest_key = None
            try:
                frames = packet.decode()
            except (av.InvalidDataError, av.PatchWelcomeError):
                continue
            yield from (frame for frame in frames if frame.time is not None and not frame.is_corrupt)


def _first_line(error: BaseException) -> str:
    return (str(getattr(error, "strerror", None) or error) or type(error).__name__).splitlines()[0][:120]
