"""From a decoded frame to the pixels that a player shows: progressive, standard range, square and upright."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from aletheia.core.arrays import Array
from aletheia.imaging.colour_space import coded_space, to_srgb
from aletheia.imaging.orientation import believable_ratio, displayed_size

DEINTERLACED = "The video is interlaced, and was deinterlaced."
TONE_MAPPED = "The video is of high dynamic range, and was tone-mapped."
_UNSPECIFIED = 2  # code point of H.273


class Display:
    """Shows the frames of a stream.

    Parameters
    ----------
    stream
        Of PyAV; its colours stand in for those that a frame does not state.
    max_pixels : int
        Limit of what is shown.
    """

    def __init__(self, stream: Any, max_pixels: int) -> None:
        self._codec, self._max_pixels = stream.codec_context, max_pixels
        self._ratio = believable_ratio(float(stream.sample_aspect_ratio or 1))

    def show(self, frame: Any, before: Any = None, after: Any = None) -> tuple[Array, tuple[str, ...]]:
        """Return the pixels of a frame, and notes for the reader of an answer.

        Parameters
        ----------
        frame
            Of PyAV.
        before, after
            The frames beside it, from which a deinterlacer takes what moves.

        Returns
        -------
        np.ndarray
            uint8, shape (H, W, 3), RGB.
        tuple of str
            A sentence each.
        """
        notes = []
        progressive = frame
        if frame.interlaced_frame:
            progressive = deinterlace(frame, before, after)
            notes.append(DEINTERLACED)
        rgb, is_hdr = self._to_rgb(progressive)
        if is_hdr:
            notes.append(TONE_MAPPED)
        if self._ratio != 1:
            height, width = rgb.shape[:2]
            size = displayed_size(width, height, self._ratio, self._max_pixels)
            rgb = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))
        return np.ascontiguousarray(turn(rgb, display_matrix(frame))), tuple(notes)

    def _to_rgb(self, frame: Any) -> tuple[Array, bool]:
        primaries = _stated(frame.color_primaries, self._codec.color_primaries)
        space = coded_space(primaries, _stated(frame.color_trc, self._codec.color_trc))
        if space.is_srgb:
            return frame.to_ndarray(format="rgb24"), False
        return to_srgb(frame.to_ndarray(format="rgb48le"), space), space.is_hdr


def _stated(*codes: Any) -> int:
    """Return the first code point that is specified."""
    numbers = [int(code) for code in codes if code is not None]
    return next((number for number in numbers if number not in (0, _UNSPECIFIED)), _UNSPECIFIED)


def deinterlace(frame: Any, before: Any = None, after: Any = None) -> Any:
    """Make one progressive frame of the two fields of a frame, by FFmpeg's filter bwdif.

    That is the method of Thomas Mundt after Weston's three-field deinterlacing of the BBC and the "yet another
    deinterlacing filter": still parts keep both fields, moving ones are interpolated from one.
    """
    import av

    # What moves is found by comparing both neighbours; at an end of the film one stands for both.
    before, after = (f if f is not None and _form(f) == _form(frame) else None for f in (before, after))
    before, after = before or after or frame, after or before or frame
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base, name="in"
    )
    filtered, sink = graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
    source.link_to(filtered)
    filtered.link_to(sink)
    graph.configure()
    for neighbour in (before, frame, after, None):
        graph.push(neighbour)
    graph.pull()
    return graph.pull()


def _form(frame: Any) -> tuple[Any, ...]:
    return frame.width, frame.height, frame.format.name


def display_matrix(frame: Any) -> Sequence[int]:
    """Return the four numbers a, b, c, d of the matrix by which players turn and mirror a frame.

    A pixel at (x, y) is shown at (a x + c y, b x + d y), as in the track header of ISO/IEC 14496-12.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    matrix = np.frombuffer(bytes(data), np.int32) if data is not None else np.zeros(0, np.int32)
    return (1, 0, 0, 1) if matrix.size < 9 else tuple(int(matrix[i]) for i in (0, 1, 3, 4))


def turn(rgb: Array, matrix: Sequence[int]) -> Array:
    """Turn and mirror a picture by the nearest of the eight symmetries of the square.

    Parameters
    ----------
    rgb
        Shape (H, W, 3).
    matrix
        a, b, c, d, see `display_matrix`.
    """
    a, b, c, d = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        rgb, right, down = rgb.transpose(1, 0, 2), c, b
    else:
        right, down = a, d
    return rgb[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]
