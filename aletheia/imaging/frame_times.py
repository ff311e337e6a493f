"""The times at which the frames of a video are displayed, read from its packets without decoding them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aletheia.core.arrays import Array
from aletheia.imaging.video import UnreadableVideoError, probe_video
from aletheia.imaging.video_stream import choose_stream


def frame_times(path: str | Path) -> Array:
    """List the times of all frames of a video.

    The demuxer is the one that :func:`aletheia.imaging.video.probe_video` found among those allowed, so that no
    playlist can make FFmpeg open another file.

    Returns
    -------
    np.ndarray
        float64, (n,), seconds since the first, ascending; empty when the packets carry no times.

    Raises
    ------
    UnreadableVideoError
        As :func:`aletheia.imaging.video.probe_video`.
    """
    import av

    name = probe_video(path).format.split(",")[0]
    options = {"protocol_whitelist": "none"}
    try:
        with (
            Path(path).open("rb") as file,
            av.open(file, "r", format=name, options=options, metadata_errors="replace") as container,
        ):
            stream = choose_stream(container.streams.video)
            base = stream.time_base or 0
            times = [float(packet.pts * base) for packet in container.demux(stream) if packet.pts is not None]
    except (av.FFmpegError, OSError, ValueError, OverflowError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise UnreadableVideoError(str(path), f"its packets cannot be listed ({reason})") from None
    found: Array = np.unique(np.array(times, dtype=np.float64))
    return found - found[0] if found.size else found


def frame_index(times: Array, moment: float) -> int:
    """Find the number of the frame that is displayed at a moment, from 0 on; -1 when no times are known."""
    return int(np.abs(times - moment).argmin()) if times.size else -1
