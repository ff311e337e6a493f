"""Tell videos from images by name or by the first bytes, without importing a decoder."""

from __future__ import annotations

from pathlib import Path

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
#: Boxes that a MOV may begin with, and the brands of still images whose files begin like an MP4.
_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip")
_STILLS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis")


def is_video(path: str | Path) -> bool:
    """Tell by its name whether a file is a video."""
    return str(path).lower().endswith(VIDEO_SUFFIXES)


def begins_as_video(head: bytes) -> bool:
    """Tell by its first 12 bytes or more whether content is a video: MP4 and MOV, Matroska and WebM, AVI."""
    box, brand = head[4:8], head[8:12]
    if box == b"ftyp":
        return brand not in _STILLS
    matroska, avi = head.startswith(b"\x1a\x45\xdf\xa3"), head.startswith(b"RIFF") and brand == b"AVI "
    return box in _BOXES or matroska or avi
