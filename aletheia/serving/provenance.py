"""Where a file says it comes from: content credentials, EXIF, and what software left behind.

Evidence of its own kind, never part of the score: everything here but a trusted signature can be written by anybody,
and a file without any of it has lost nothing but its history. Imports neither torch nor MLRun.
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
from aletheia.serving.credentials import ORIGINS, clean, credentials_of

# What tells of an origin; maker's notes and thumbnails do not, and may be of any size.
_TAGS = (
    "Make", "Model", "LensMake", "LensModel", "Software", "ProcessingSoftware", "HostComputer", "DateTimeOriginal",
    "DateTimeDigitized", "DateTime", "Artist", "Copyright", "ImageDescription", "UserComment", "ExposureTime",
    "FNumber", "ISOSpeedRatings", "FocalLength",
)  # fmt: skip
_CHARSETS = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16", b"\0" * 8: "latin-1"}
_MAX_XMP = 1_000_000
_CREATOR = re.compile(rb"xmp:CreatorTool\s*(?:=\s*[\"']|>)([^\"'<]{1,400})")
_ORIGIN = re.compile(rb"DigitalSourceType\s*(?:=\s*[\"']|>|[^>]{0,40}rdf:resource=[\"'])([^\"'<]{1,400})")
#: Text fields of PNG files and which programs write them.
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
    """What a file says about its origin.

    Attributes
    ----------
    exif : tuple of (str, str)
        Name and value of the tags that tell of an origin, cleaned; the position as ``GPSPosition`` in degrees.
    c2pa : dict or None
        Of `aletheia.serving.credentials.credentials_of`.
    software : tuple of str
        What programs left behind, in words; every one of them could be made up.
    """

    exif: tuple[tuple[str, str], ...] = ()
    c2pa: dict[str, Any] | None = None
    software: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as plain lists, booleans and strings."""
        return {"exif": [list(pair) for pair in self.exif], "c2pa": self.c2pa, "software": list(self.software)}


def provenance_of(source: bytes | str | Path, anchors: str = "") -> dict[str, Any]:
    """`read_provenance` as plain lists, booleans and strings, for sending on."""
    return read_provenance(source, anchors).to_dict()


def read_provenance(source: bytes | str | Path, anchors: str = "") -> Provenance:
    """Read what a picture or a video says about its origin; what cannot be read is left out.

    The file may be hostile and is handed to native code: call this in a process that may die.

    Parameters
    ----------
    source : bytes or path
        Content of a file, or the file. Of videos, the content credentials are read.
    anchors : str
        PEM certificates that signers of content credentials are trusted by.
    """
    source = source if isinstance(source, bytes) else Path(source)
    try:
        credentials = credentials_of(source, anchors)
    except OSError as error:
        raise InputError(f"{source} cannot be read ({error.strerror}).") from None
    try:
        name, data = load_bytes(source)
        image = open_image(name, data, None)
    except Exception:  # no picture, or one that is made to hurt decoders
        return Provenance(c2pa=credentials)
    return Provenance(_exif(image), credentials, _software(image))


def _exif(image: Image.Image) -> tuple[tuple[str, str], ...]:
    try:
        exif = image.getexif()
        found = {**exif.get_ifd(ExifTags.IFD.Exif), **dict(exif)}
        position = _position(exif.get_ifd(ExifTags.IFD.GPSInfo))
    except Exception:  # readers raise nearly everything when EXIF is made to hurt them
        return ()
    named = {tag: _value(tag, found[code]) for tag in _TAGS if (code := ExifTags.Base[tag].value) in found}
    return tuple((tag, text) for tag, text in {**named, "GPSPosition": position}.items() if text)


def _value(tag: str, value: Any) -> str:
    """One EXIF value as people write it; "" for what is no number or no text."""
    if tag == "UserComment" and isinstance(value, bytes):
        value = value[8:].decode(_CHARSETS.get(value[:8], "latin-1"), errors="replace")
    if isinstance(value, bytes):
        value = value[:1000].decode(errors="replace")
    if isinstance(value, tuple):
        value = value[0] if value else ""
    if isinstance(value, str):
        return clean(value)
    number = _number(value)
    if number is None:
        return ""
    if tag == "ExposureTime" and 0 < number < 1:
        return f"1/{round(1 / number)} s"
    unit = {"ExposureTime": " s", "FocalLength": " mm"}.get(tag, "")
    return f"{'f/' if tag == 'FNumber' else ''}{number:.4g}{unit}"


def _number(value: Any) -> float | None:
    """None for zero over zero and the like."""
    try:
        number = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) else None


def _position(gps: dict[int, Any]) -> str:
    """Latitude and longitude in degrees, "" when they are not there or are none."""
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
    told = []
    for field, writers in _FIELDS.items():
        value = image.info.get(field)
        if isinstance(value, str | bytes) and (text := clean(_text(value))):
            told.append(f"{field}: {text}" + (f" (a field that {writers} write)" if writers else ""))
    xmp = image.info.get("xmp", b"")
    xmp = (xmp if isinstance(xmp, bytes) else str(xmp).encode(errors="replace"))[:_MAX_XMP]
    # Not parsed as XML: entities that expand for ever are no danger to an expression.
    if found := _CREATOR.search(xmp):
        told.append(f"XMP creator tool: {clean(_text(found[1]))}")
    if found := _ORIGIN.search(xmp):
        origin = clean(_text(found[1])).rpartition("/")[2]
        told.append(f"XMP says: {ORIGINS.get(origin, origin)}")
    return tuple(told)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value[:2000].decode(errors="replace")
