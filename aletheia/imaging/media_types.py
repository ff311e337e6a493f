"""Tell formats of pictures and videos apart by name or by the first bytes, without importing a decoder."""

from __future__ import annotations

from pathlib import Path

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".wmv", ".asf", ".flv", ".mpg",
    ".mpeg", ".ogv",
)  # fmt: skip
#: The formats of videos in words, for messages.
VIDEO_FORMATS = "MP4, MOV, MKV, WebM, AVI, MPEG, MPEG-TS, WMV, FLV and Ogg"
#: First bytes of a file that decide on its format.
HEAD_BYTES = 400
#: Boxes that a MOV may begin with, and the brands of still images whose files begin like an MP4.
_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip")
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs")
_GENERAL = (b"mif1", b"msf1", b"mif2")
_AVIF = (b"avif", b"avis")
_VIDEO_MAGIC = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    bytes.fromhex("3026b2758e66cf11"),  # ASF: WMV
    b"FLV\x01",
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"OggS",
)
_IMAGE_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
)
#: Beginnings of formats that are not read.
_OTHERS = (
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\1\0", "a Windows icon"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"qoif", "a QOI picture"),
    (b"DDS ", "a DirectDraw texture"),
    (b"FUJIFILM", "a camera's raw file"),
    (b"IIU\0", "a camera's raw file"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b".RMF", "a RealMedia video"),
    (b"\x06\x0e\x2b\x34", "an MXF video"),
    (b"\0\0\1\xb3", "a bare MPEG video stream"),
    (b"\0\0\0\1", "a bare H.264 or H.265 video stream"),
    (b"ID3", "an MP3 sound file"),
    (b"fLaC", "a FLAC sound file"),
)
_PNM = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7", b"Pf", b"PF")


def is_video(path: str | Path) -> bool:
    """Tell by its name whether a file is a video."""
    return str(path).lower().endswith(VIDEO_SUFFIXES)


def image_format(head: bytes) -> str:
    """Name the format of a picture, as Pillow does but in small letters, by its first bytes; ``""`` for others."""
    if head[4:8] == b"ftyp":
        # The general brand mif1 may hold pictures of either kind; the compatible brands tell.
        if head[8:12] in _AVIF or (head[8:12] in _GENERAL and b"avif" in head[16 : int.from_bytes(head[:4], "big")]):
            return "avif"
        return "heif" if head[8:12] in _HEIC + _GENERAL else ""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return next((name for magic, name in _IMAGE_MAGIC if head.startswith(magic)), "")


def begins_as_video(head: bytes) -> bool:
    """Tell by its first `HEAD_BYTES` whether content is a video of a format that is read."""
    box, brand = head[4:8], head[8:12]
    if box == b"ftyp":
        return not image_format(head) and brand not in (b"crx ", b"jxl ")
    avi = head.startswith(b"RIFF") and brand == b"AVI "
    return box in _BOXES or avi or head.startswith(_VIDEO_MAGIC) or _begins_as_transport_stream(head)


def _begins_as_transport_stream(head: bytes) -> bool:
    """Tell whether packets of MPEG-TS begin here: of 188 bytes, or of 192 with a time stamp before each."""
    return any(
        len(head) > start + size and all(byte == 0x47 for byte in head[start::size][:3])
        for start, size in ((0, 188), (4, 192))
    )


def describe_format(head: bytes) -> str:
    """Name a format that is not read, by the first `HEAD_BYTES`; ``""`` for an unknown one."""
    if begins_as_video(head):
        return "a video"
    if head[4:8] == b"ftyp":
        names = {b"crx ": "a camera's raw file", b"jxl ": "a JPEG XL picture"}
        return names.get(head[8:12], f"a file of the brand {head[8:12].decode('latin-1')!r}")
    if head[:4] == b"RIFF":
        names = {b"WAVE": "a WAV sound file", b"RMID": "a MIDI file"}
        return names.get(head[8:12], f"a RIFF file of the kind {head[8:12].decode('latin-1')!r}")
    if head[:2] in _PNM and head[2:3].isspace():
        return "a PNM picture"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml")) and b"<svg" in text:
        return "an SVG drawing"
    return next((name for magic, name in _OTHERS if head.startswith(magic)), "")
