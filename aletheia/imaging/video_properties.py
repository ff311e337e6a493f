"""Properties, perceptual hash and SHA-256 of a video file."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

from aletheia.core.settings import get_settings
from aletheia.imaging.reading import ImageProperties, perceptual_hash
from aletheia.imaging.video import UnreadableVideoError, probe_video, read_frames

_CONTAINERS = {
    "mov": "MP4",
    "matroska": "MATROSKA",
    "avi": "AVI",
    "mpegts": "MPEG-TS",
    "mpeg": "MPEG",
    "asf": "WMV",
    "flv": "FLV",
    "ogg": "OGG",
}


def examine_video(path: str | Path) -> tuple[ImageProperties, int, str]:
    """Compute properties of the file, perceptual hash of its middle frame, and SHA-256.

    The same as `aletheia.imaging.reading.examine_image` returns for an image.

    Raises
    ------
    UnreadableVideoError
        As :func:`aletheia.imaging.video.read_frames`; or when the file is larger than ``ALETHEIA_MAX_VIDEO_BYTES``.
    """
    path = Path(path)
    container = probe_video(path).format.split(",")[0]
    size, limit = path.stat().st_size, get_settings().max_video_bytes
    if size > limit:
        raise UnreadableVideoError(
            str(path), f"has {size:,} bytes, more than the {limit:,} of ALETHEIA_MAX_VIDEO_BYTES"
        )
    (frame,) = read_frames(path, 1)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    height, width = frame.rgb.shape[:2]
    properties = ImageProperties(
        width=width,
        height=height,
        format=_CONTAINERS.get(container, "VIDEO"),
        jpeg_quality=math.nan,
        chroma="",
        file_bytes=size,
        progressive=False,
        has_exif=False,
    )
    return properties, perceptual_hash(frame.rgb), digest
