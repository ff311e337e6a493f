"""A file's own record of its origin: content credentials, EXIF, and traces of software.

Shown beside the score and never part of it: everything but a trusted signature can be written by anybody, and most
files have lost these records on their way. Imports neither torch nor MLRun.
"""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from aletheia.core.errors import InputError
from aletheia.imaging.decoding import load_bytes, open_image
from aletheia.serving.credentials import ORIGINS, clean_text, read_credentials

# Tags on the origin; maker's notes and thumbnails are left out and may have any size.
_TAGS = (
    "Make", "Model", "LensMake", "LensModel", "Software", "ProcessingSoftware", "HostComputer", "DateTimeOriginal",
    "DateTimeDigitized", "DateTime", "Artist", "Copyright", "ImageDescription", "UserComment", "ExposureTime",
    "FNumber", "ISOSpeedRatings", "FocalLength",
)  # fmt: skip
_CHARSETS = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16", b"\0" * 8: "latin-1"}
_MAX_XMP = 1_000_000
_CREATOR = re.compile(rb"xmp:CreatorTool\s*(?:=\s*[\"']|>)([^\"'<]{1,400})")
_ORIGIN = re.compile(rb"DigitalSourceType\s*(?:=\s*[\"']|>|[^>]{0,40}rdf:resource=[\"'])([^\"'<]{1,400})")
#: Text fields of PNG files and the programs that write them.
_FIELDS = {
    "parameters": "web interfaces of Stable Diffusion",
    "prompt": "ComfyUI",
    "workflow": "ComfyUI",
    "invokeai_metadata": "InvokeAI",
    "sd-metadata": "InvokeAI",
    "Dream": "InvokeAI",
    "Software": "",
    "Source": "",
    "Comment": "",
    "Description": "",
    "comment": "",
}


@dataclasses.dataclass(frozen=True)
class Provenance:
    """The record of a file's origin.

    Attributes
    ----------
    exif : tuple of (str, str)
        Name and value of the tags on the origin, cleaned; the position as ``GPSPosition`` in degrees.
    c2pa : dict or None
        See `aletheia.serving.credentials.read_credentials`.
    software : tuple of str
        Traces of programs, in words; every one of them can be forged.
    """

    exif: tuple[tuple[str, str], ...] = ()
    c2pa: dict[str, Any] | None = None
    software: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain lists, booleans and strings."""
        return {"exif": [list(pair) for pair in self.exif], "c2pa": self.c2pa, "software": list(self.software)}


def read_provenance(source: bytes | str | Path, anchors: str = "") -> Provenance:
    """Read the origin of a picture or a video from the file; parts that cannot be read are left out.

    The file may be hostile and is handed to native code: call this in a process that may die.

    Parameters
    ----------
    source : bytes or path
        Content of a file, or the file. Of videos, the content credentials are read.
    anchors : str
        PEM certificates of the authorities that signers of content credentials are trusted by.
    """
    source = source if isinstance(source, bytes) else Path(source)
    try:
        credentials = read_credentials(source, anchors)
    except OSError as error:
        raise InputError(f"{source!s} cannot be read ({error.strerror}).") from None
    try:
        name, data = load_bytes(source)
        image = open_image(name, data, None)
    except Exception:  # no picture, or one that was made to harm decoders
        return Provenance(c2pa=credentials)
    return Provenance(_exif(image), credentials, _software(image))


def _exif(image: Image.Image) -> tuple[tuple[str, str], ...]:
    try:
        exif = image.getexif()
        values = {**exif.get_ifd(ExifTags.IFD.Exif), **dict(exif)}
        position = _position(exif.get_ifd(ExifTags.IFD.GPSInfo))
    except Exception:  # of any kind: EXIF may have been made to harm its readers
        return ()
    named = {tag: _value(tag, values[code]) for tag in _TAGS if (code := ExifTags.Base[tag].value) in values}
    return tuple((tag, text) for tag, text in {**named, "GPSPosition": position}.items() if text)


def _value(tag: str, value: Any) -> str:
    """Format an EXIF value; "" for a value that is neither number nor text."""
    if tag == "UserComment" and isinstance(value, bytes):
        value = value[8:].decode(_CHARSETS.get(value[:8], "latin-1"), errors="replace")
    if isinstance(value, bytes):
        value = value[:1000].decode(errors="replace")
    if isinstance(value, tuple):
        value = value[0] if value else ""
    if isinstance(value, str):
        return clean_text(value)
    number = _number(value)
    if number is None:
        return ""
    if tag == "ExposureTime" and 0 < number < 1:
        return f"1/{round(1 / number)} s"
    unit = {"ExposureTime": " s", "FocalLength": " mm"}.get(tag, "")
    return f"{'f/' if tag == 'FNumber' else ''}{number:.4g}{unit}"


def _number(value: Any) -> float | None:
    """Return a finite number, or None (for zero over zero and the like)."""
    try:
        number = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) else None


def _position(gps: dict[int, Any]) -> str:
    """Format latitude and longitude in degrees; "" when they are missing or out of range."""
    degrees = []
    for reference, value, negative, most in ((1, 2, "S", 90), (3, 4, "W", 180)):
        parts = gps.get(value)
        numbers = [_number(part) for part in parts[:3]] if isinstance(parts, tuple) else []
        if len(numbers) < 3 or None in numbers:
            return ""
        angle = sum(number / 60**place for place, number in enumerate(numbers))  # degrees, minutes, seconds
        if not 0 <= angle <= most:
            return ""
        degrees.append(-angle if gps.get(reference) == negative else angle)
    return "{:.5f}, {:.5f}".format(*degrees)


def _software(image: Image.Image) -> tuple[str, ...]:
    traces = []
    for field, writers in _FIELDS.items():
        value = image.info.get(field)
        if isinstance(value, str | bytes) and (text := clean_text(_text(value))):
            traces.append(f"{field}: {text}" + (f" (a field that {writers} write)" if writers else ""))
    xmp = image.info.get("xmp", b"")
    xmp = (xmp if isinstance(xmp, bytes) else str(xmp).encode(errors="replace"))[:_MAX_XMP]
    # Not parsed as XML, whose entities could expand without end.
    if match := _CREATOR.search(xmp):
        traces.append(f"XMP creator tool: {clean_text(_text(match[1]))}")
    if match := _ORIGIN.search(xmp):
        origin = clean_text(_text(match[1])).rpartition("/")[2]
        traces.append(f"XMP says: {ORIGINS.get(origin, origin)}")
    return tuple(traces)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value[:2000].decode(errors="replace")
